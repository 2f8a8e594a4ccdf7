/* Small pieces that every stage uses: descriptors that close themselves, one-byte hand-overs between processes. */
#pragma once
#include <sys/types.h>
#include <unistd.h>

static inline void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
}
#define autoclose __attribute__((cleanup(close_fd)))

struct sync_pipe {
  int read_fd;
  int write_fd;
};

int sync_make(struct sync_pipe *ret_pipe);
/* Lets the waiting side go on. */
void sync_release(struct sync_pipe *pipe);
/* Blocks until released: 0, or -EPIPE when the other side died instead. */
int sync_wait(struct sync_pipe *pipe);

/* fork with namespace flags of clone(2); each side goes on with its own copy of memory. pid, 0 or -errno. */
pid_t fork_into(unsigned long clone_flags);

/* Writes a whole small file such as /proc/PID/uid_map in one write. 0 or -errno. */
int write_file(const char *path, const char *text);

/* Waits for a child; its wait status. */
int wait_for(pid_t pid);
