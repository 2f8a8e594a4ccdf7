#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "run-values.h"
#include "sync.h"

static int read_proc(pid_t pid, const char *file, size_t size, char *ret_text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t length = read(fd, ret_text, size - 1);
  if (length < 0) return -errno;
  ret_text[length] = 0;
  return 0;
}

static int has_line(const char *status, const char *line) {
  const char *at = strstr(status, line);
  return at && (at == status || at[-1] == '\n');
}

/* /proc shows a map as the reader's namespace sees it: the keeper is the one that is known to be outside. */
static int same_map(pid_t pid, pid_t keeper) {
  char theirs[4096], ours[4096];
  if (read_proc(pid, "uid_map", sizeof theirs, theirs) || read_proc(keeper, "uid_map", sizeof ours, ours)) return 0;
  return strcmp(theirs, ours) == 0;
}

/* AppArmor has two words for a process that it does not confine: none at all, and a profile that says so. */
static int is_unconfined(const char *label) {
  static const char mode[] = " (unconfined)";
  size_t length = strlen(label), tail = sizeof mode - 1;
  return strcmp(label, "unconfined") == 0 || (length > tail && strcmp(label + length - tail, mode) == 0);
}

static int same_label(int peer_fd, const char *label) {
  char theirs[512];
  socklen_t size = sizeof theirs - 1;
  if (getsockopt(peer_fd, SOL_SOCKET, SO_PEERSEC, theirs, &size) < 0) return errno == ENOPROTOOPT;
  theirs[size] = 0;
  return strcmp(theirs, label) == 0 || is_unconfined(theirs);
}

int peer_check(int peer_fd, const struct peer_rules *rules) {
  char status[8192], before[32], after[32];
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(peer_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0 || peer.uid != 0) return -EACCES;
  if (read_start_time(peer.pid, before) || read_proc(peer.pid, "status", sizeof status, status)) return -EACCES;
  if (!has_line(status, "NoNewPrivs:\t0\n") || !has_line(status, "Seccomp:\t0\n")) return -EACCES;
  if (!same_map(peer.pid, getppid()) || !same_label(peer_fd, rules->label)) return -EACCES;
  /* Another process could have got the number meanwhile; it would have begun later than this one, which still waits. */
  return read_start_time(peer.pid, after) || strcmp(before, after) != 0 ? -EACCES : 0;
}

bool peer_is_own(int peer_fd) {
  char label[512];
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(peer_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) return false;
  /* Without an LSM that has labels there is nothing to read, and no label to compare with. */
  autoclose int fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, label, sizeof label - 1);
  label[length < 0 ? 0 : length] = 0;
  label[strcspn(label, "\n")] = 0;
  return same_label(peer_fd, label);
}
