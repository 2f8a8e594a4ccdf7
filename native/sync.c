#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int sync_make(struct sync_pipe *ret_pipe) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
  *ret_pipe = (struct sync_pipe){.read_fd = fds[0], .write_fd = fds[1]};
  return 0;
}

void sync_release(struct sync_pipe *pipe) {
  if (write(pipe->write_fd, "", 1) < 0) return;
  close(pipe->write_fd);
  pipe->write_fd = -1;
}

int sync_wait(struct sync_pipe *pipe) {
  char byte;
  /* Our own copy of the write end would keep the pipe from ending when the other side dies. */
  close_fd(&pipe->write_fd);
  pipe->write_fd = -1;
  ssize_t got;
  do got = read(pipe->read_fd, &byte, 1);
  while (got < 0 && errno == EINTR);
  close_fd(&pipe->read_fd);
  pipe->read_fd = -1;
  return got == 1 ? 0 : -EPIPE;
}

pid_t fork_into(unsigned long clone_flags) {
  /* The raw call: glibc's clone wants a stack, and this process has one thread. */
  long pid = syscall(SYS_clone, clone_flags | SIGCHLD, 0, 0, 0, 0);
  return pid < 0 ? -errno : (pid_t)pid;
}

int write_file(const char *path, const char *text) {
  autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -errno;
  size_t length = strlen(text);
  ssize_t put = write(fd, text, length);
  if (put < 0) return -errno;
  return (size_t)put == length ? 0 : -EIO;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}
