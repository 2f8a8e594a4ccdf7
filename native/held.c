#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "run-values.h"
#include "sync.h"
#include "wire.h"

/* A container's user namespace is a child of its session's. */
#define MAX_LEVELS 2

static bool is_same(int a_fd, int b_fd) {
  struct stat a, b;
  return fstat(a_fd, &a) == 0 && fstat(b_fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The kernel names no namespace that lies outside of the asking process's own (ioctl_ns(2)). */
static int check_owner(int ns_fd) {
  autoclose int own_fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
  autoclose int at_fd = fcntl(ns_fd, F_DUPFD_CLOEXEC, 0);
  if (own_fd < 0 || at_fd < 0) return -errno;
  for (int level = 0; level < MAX_LEVELS; level++) {
    uid_t owner = 0;
    if (is_same(at_fd, own_fd)) return level > 0 ? 0 : -EPERM;
    if (ioctl(at_fd, NS_GET_OWNER_UID, &owner) < 0 || owner != geteuid()) return -EPERM;
    int parent_fd = ioctl(at_fd, NS_GET_PARENT);
    if (parent_fd < 0) return -EPERM;
    close(at_fd);
    at_fd = parent_fd;
  }
  return is_same(at_fd, own_fd) ? 0 : -EPERM;
}

static int check_process(const char *pid, const char *start_time) {
  char path[64], seen[32];
  int error = read_start_time((pid_t)strtoul(pid, NULL, 10), seen);
  if (error || strcmp(seen, start_time) != 0) return -ESRCH;
  snprintf(path, sizeof path, "/proc/%s/ns/user", pid);
  autoclose int ns_fd = open(path, O_RDONLY | O_CLOEXEC);
  if (ns_fd < 0) return errno == ENOENT ? -ESRCH : -EPERM;
  return check_owner(ns_fd);
}

int hold_container(const char *pid, const char *start_time, int *ret_pid_fd) {
  uint64_t number = 0;
  if (strlen(pid) > 10 || wire_number(pid, &number) || number == 0 || number > INT32_MAX) return -EINVAL;
  int fd = (int)syscall(SYS_pidfd_open, (pid_t)number, 0);
  if (fd < 0) return -errno;
  int error = check_process(pid, start_time);
  /* Still not reaped, so the pid was this process's while it was looked at. */
  if (!error && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0) error = -errno;
  if (!error) *ret_pid_fd = fd;
  else close(fd);
  return error;
}
