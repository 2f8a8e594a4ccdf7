/* Ops that keep the user's own books on a container: its directory, its files, the names it claims, the lines it adds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../clients.h"
#include "../compose.h"
#include "../launch.h"
#include "records.h"

#define CLAIM_TRIES 8
#define HOLD_TRIES 100
#define HOLD_WAIT_NS 20000000 /* 20 ms */

/* Where a claim leads: from beside the containers to the one that holds it. */
static int claim_target(const char *id, size_t size, char *ret_target) {
  int length = snprintf(ret_target, size, "../containers/%s", id);
  return length > 0 && (size_t)length < size && !strchr(id, '/') ? 0 : -EINVAL;
}

int claim_name(const char *directory, const char *name, const char *id) {
  char target[128];
  struct stat stat;
  int error = claim_target(id, sizeof target, target);
  if (error || !*name || strchr(name, '/') || *name == '.') return error ? error : -EINVAL;
  if (mkdir(directory, 0700) < 0 && errno != EEXIST) return -errno;
  autoclose int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -errno;
  for (int tries = 0; tries < CLAIM_TRIES; tries++) {
    if (symlinkat(target, fd, name) == 0) return 0;
    if (errno != EEXIST) return -errno;
    if (fstatat(fd, name, &stat, 0) == 0) return -EEXIST;
    /* Its container is gone without having released it. */
    if (errno != ENOENT || (unlinkat(fd, name, 0) < 0 && errno != ENOENT)) return -errno;
  }
  return -EEXIST;
}

/* claim DIRECTORY NAME ID: nobody else of the same user has this name as long as the container is there. */
int op_claim(struct stage_state *state, const struct op *op) {
  (void)state;
  return claim_name(op->arg[0].text, op->arg[1].text, op->arg[2].text);
}

bool holds_name(const char *directory, const char *name, const char *id) {
  char path[4096], target[128], seen[128];
  int size = snprintf(path, sizeof path, "%s/%s", directory, name);
  if (size < 0 || (size_t)size >= sizeof path || claim_target(id, sizeof target, target)) return false;
  ssize_t length = readlink(path, seen, sizeof seen - 1);
  if (length < 0) return false;
  seen[length] = 0;
  return strcmp(seen, target) == 0;
}

/* release DIRECTORY NAME: gives back what this container claimed. */
int op_release(struct stage_state *state, const struct op *op) {
  const char *id = values_get(&state->launch->plan.values, "id"), *directory = op->arg[0].text, *name = op->arg[1].text;
  if (!id) return -EINVAL;
  if (!holds_name(directory, name, id)) return 0;
  autoclose int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT ? 0 : -errno;
  return unlinkat(fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* make-directory PATH MODE: a new one, with exactly this mode; its parent when that is absent, closed to others. */
int op_make_directory(struct stage_state *state, const struct op *op) {
  char parent[4096];
  (void)state;
  const char *path = op->arg[0].text, *slash = strrchr(path, '/');
  if (mkdir(path, (mode_t)op->arg[1].number) == 0) return 0;
  if (errno != ENOENT || !slash || (size_t)(slash - path) >= sizeof parent) return -errno;
  memcpy(parent, path, (size_t)(slash - path));
  parent[slash - path] = 0;
  if (mkdir(parent, 0700) < 0 && errno != EEXIST) return -errno;
  return mkdir(path, (mode_t)op->arg[1].number) < 0 ? -errno : 0;
}

static int write_whole(int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t put = write(fd, text, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return -errno;
    text += put;
    size -= (size_t)put;
  }
  return 0;
}

/* hold DIRECTORY: a container has one launch at a time. The kernel lets go when the last process of that launch is gone, which
 * may be a moment after its end was told. */
int op_hold(struct stage_state *state, const struct op *op) {
  const struct timespec pause = {.tv_nsec = HOLD_WAIT_NS};
  int fd = open(op->arg[0].text, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -errno;
  state->launch->hold_fd = fd;
  for (int tries = 0; tries < HOLD_TRIES; tries++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno != EWOULDBLOCK) return -errno;
    nanosleep(&pause, NULL);
  }
  return -EWOULDBLOCK;
}

/* keep-launch PATH: the plan with the values of this run, as it came, for the next launch of the same container. What joins it
 * takes from it what the payload was, so that it can be no more. */
int op_keep_launch(struct stage_state *state, const struct op *op) {
  const struct plan *plan = &state->launch->plan;
  autoclose int fd = open(op->arg[0].text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return fd < 0 ? -errno : write_whole(fd, (const char *)plan->bytes, plan->size);
}

/* supervise DIRECTORY LOG SIZE FILES: opens the log (none without a name) and the socket to attach to, where they are needed. */
int op_supervise(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  if (!is_supervised(launch)) return 0;
  const char *log = op->arg[1].text;
  int error = *log ? log_open(&launch->log, log, op->arg[2].number, (unsigned)op->arg[3].number) : 0;
  if (error) return error;
  launch->listen_fd = clients_listen(op->arg[0].text);
  return launch->listen_fd < 0 ? launch->listen_fd : 0;
}

/* What is renamed over another file ext4 writes out at once, so that a power cut leaves one of both; and whoever removes it
 * waits for the disk. What a running container says of itself means nothing after a power cut, and changes places instead. */
static int put_in_place(const char *fresh, const char *path, bool lasting) {
  if (!lasting && renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return unlink(fresh) < 0 ? -errno : 0;
  return rename(fresh, path) < 0 ? -errno : 0;
}

/* write-file PATH MODE CONTENT: a reader sees the old one or the new one. */
int op_write_file(struct stage_state *state, const struct op *op) {
  char fresh[4096], *text = NULL;
  int length = snprintf(fresh, sizeof fresh, "%s.new", op->arg[0].text);
  if (length < 0 || (size_t)length >= sizeof fresh) return -ENAMETOOLONG;
  int error = compose(op->arg[2].text, &state->launch->plan.values, &text);
  if (error) return error;
  int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  autoclose int fd = open(fresh, flags, (mode_t)op->arg[1].number);
  error = fd < 0 ? -errno : write_whole(fd, text, strlen(text));
  if (!error) error = put_in_place(fresh, op->arg[0].text, state->stage != STAGE_STARTED);
  free(text);
  return error;
}

/* A line that was cut off (a full disk, a killed writer) must not swallow this one. */
static bool ends_torn(int fd, off_t size) {
  char last = '\n';
  return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* append-line PATH MODE CONTENT: in one write, to a file that is the user's own and has no other name. */
int op_append_line(struct stage_state *state, const struct op *op) {
  char *text = NULL, line[16 << 10];
  struct stat stat;
  int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  autoclose int fd = open(op->arg[0].text, flags, (mode_t)op->arg[1].number);
  if (fd < 0 || fstat(fd, &stat) < 0) return -errno;
  if (!S_ISREG(stat.st_mode) || stat.st_nlink != 1 || stat.st_uid != geteuid()) return -EPERM;
  int error = compose(op->arg[2].text, &state->launch->plan.values, &text);
  if (error) return error;
  int length = snprintf(line, sizeof line, "%s%s\n", ends_torn(fd, stat.st_size) ? "\n" : "", text);
  free(text);
  if (length < 0 || (size_t)length >= sizeof line) return -E2BIG;
  ssize_t put = write(fd, line, (size_t)length);
  return put < 0 ? -errno : put == length ? 0 : -EIO;
}
