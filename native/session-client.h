/* The user's session: a process that holds a user namespace with all the user's ids and forks monitors in it, so that a launch
 * needs neither newuidmap(1) nor the manager of systemd. It listens on a socket in a directory that is the user's alone. */
#pragma once
#include <stdint.h>
#include <sys/resource.h>

#include "launch.h"

#define SESSION_MAGIC 0x1550e551u
#define SESSION_VERSION 3u
/* Request, status pipe, control socket, three streams, the connection of who is attached from the first on. */
#define SESSION_MAX_FDS 7
#define SESSION_SOCKET "session"
#define SESSION_LISTEN_FD 3 /* of the session itself */
#define SESSION_JOIN_FD 4
/* For what joins a container: its monitor must see that container's processes, so it is in no pid namespace of its own. */
#define SESSION_JOIN_SOCKET "join"
#define SESSION_MAPS "maps"

/* What goes with the descriptors: the caller's own bounds, which are the payload's. */
struct session_request {
  uint32_t magic, version;
  uint32_t streams; /* bit for each stream that has a descriptor, and the fourth for the connection */
  int32_t nice;
  struct rlimit limits[RLIM_NLIMITS];
};

/* Hands a launch over to the session, which is started when there is none. 0 when a monitor has taken it; otherwise nothing
 * has been done: the launch has to be a direct one. The maps are those of the user namespace that the plan asks for. */
int session_launch(struct launch *launch, const char *uid_map, const char *gid_map);

/* Opens a directory that belongs to this user and to nobody else, made when it is absent. Descriptor or -errno. */
int open_private(const char *path);

/* Connects to the socket of this name in a directory, by the descriptor. Descriptor or -errno. */
int connect_to(int directory_fd, const char *name);
