/* The container process: pid 1 of the container, which sets up what the payload sees and then becomes it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "run-stage.h"
#include "ops/paths.h"

/* The kernel translates it into the receiver's pid namespace (unix(7) SCM_CREDENTIALS). */
int send_pid(struct launch *launch) {
  return send(launch->control_container, "P", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Without -i the payload reads the container's own null device, which must be the real one. */
static int open_null(struct stage_state *state) {
  int fd = open_in_root(state->root_fd, "/dev/null", O_RDWR | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
  struct stat stat;
  if (fd < 0) return fd;
  if (fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3)) return fd;
  close(fd);
  return -ENODEV;
}

/* Puts the payload's ends on 0, 1 and 2. The pipes belong to the caller; a payload with another id must be able to reopen
 * /dev/stdout, so they become its own. */
static int install_stdio(struct stage_state *state, int null_fd, uid_t owner) {
  struct launch *launch = state->launch;
  int from[3] = {launch->relay_stdin ? launch->payload_end[0] : null_fd, launch->payload_end[1], launch->payload_end[2]};
  for (int stream = 0; stream < 3; stream++) {
    if (from[stream] != null_fd && fchown(from[stream], owner, (gid_t)-1) < 0) return -errno;
    if (dup2(from[stream], stream) < 0) return -errno;
  }
  return 0;
}

static int install_streams(struct stage_state *state, uid_t owner) {
  if (state->launch->relay_stdin) return install_stdio(state, -1, owner);
  autoclose int null_fd = open_null(state);
  return null_fd < 0 ? null_fd : install_stdio(state, null_fd, owner);
}

/* streams OWNER: of a process that joins a container. A session of its own keeps it from those that watch over it: kill(2)
 * with 0 reaches a process group across pid namespaces. */
int op_streams(struct stage_state *state, const struct op *op) {
  if (setsid() < 0) return -errno;
  return install_streams(state, (uid_t)op->arg[0].number);
}

/* The streams are installed while the old root can still be reached for errors and the ids are not yet changed. */
int op_pivot(struct stage_state *state, const struct op *op) {
  if (!state->launch->terminal) {
    int error = install_streams(state, (uid_t)op->arg[0].number);
    if (error) return error;
  }
  if (fchdir(state->root_fd) < 0) return -errno;
  /* Both arguments ".": the old root is stacked below the new one and detached (pivot_root(2)). */
  if (syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
  if (umount2(".", MNT_DETACH) < 0) return -errno;
  return chdir("/") < 0 ? -errno : 0;
}

void container_main(struct launch *launch, struct sync_pipe *mapped) {
  static struct stage_state state;
  stage_state_init(&state, launch, ROLE_CONTAINER);
  prctl(PR_SET_NAME, "iso-container");
  if (mapped && sync_wait(mapped)) _exit(125);
  prctl(PR_SET_DUMPABLE, 0);
  close_fd(&launch->ready[0]);
  /* Nobody asks for that of one that is restarted. */
  if (mapped && launch->control_container >= 0 && send_pid(launch)) _exit(125);
  /* Returns only when an op failed, or the plan ends without an exec. */
  (void)run_stage(&state, STAGE_CONTAINER);
  if (write(launch->ready[1], "F", 1) < 0) _exit(125);
  _exit(125);
}
