/*
 * The way to a home, from the root directory of the system that is set up: every part of it must be in root's hands alone.
 * Links of root's (such as /home -> /srv/home) are followed, since only root could have made and could change them.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_LINKS = 16 };

static int open_way(int dir_fd, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  for (int tries = 0;; tries++) {
    long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    if (fd >= 0) return (int)fd;
    /* EAGAIN: a rename elsewhere raced with the walk, see openat2(2). */
    if (errno != EINTR && (errno != EAGAIN || tries == 128)) return -errno;
  }
}

/* The first component of the rest, `.` left out; NULL at its end. */
static const char *next_part(const char *rest, size_t *ret_length) {
  for (;; rest += *ret_length) {
    rest += strspn(rest, "/");
    *ret_length = strcspn(rest, "/");
    if (*ret_length == 0) return NULL;
    if (*ret_length != 1 || *rest != '.') return rest;
  }
}

static void drop_last(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) *slash = 0;
}

static int append(char *path, const char *name, size_t length) {
  size_t used = strlen(path);
  if (used + 1 + length >= HOME_MAX_WAY) return -ENAMETOOLONG;
  path[used] = '/';
  memcpy(path + used + 1, name, length);
  path[used + 1 + length] = 0;
  return 0;
}

/* What the link says stands in its place; `rest` becomes what is left to walk. */
static int follow(int link_fd, char *path, char rest[HOME_MAX_WAY], const char *after) {
  char target[HOME_MAX_WAY];
  ssize_t got = readlinkat(link_fd, "", target, sizeof target - 1);
  if (got < 0) return -errno;
  target[got] = 0;
  if (target[0] == '/') path[0] = 0;
  else drop_last(path);
  int error = append(target, after, strlen(after));
  if (!error) memcpy(rest, target, sizeof target);
  return error;
}

/* Above a home: root's or the caller's own, and writable by nobody else, or whoever can write it decides what it is. */
static int judge(const struct stat *stat, int is_last) {
  if (!S_ISDIR(stat->st_mode)) return -ENOTDIR;
  if (is_last) return 0;
  return (stat->st_uid != 0 && stat->st_uid != geteuid()) || (stat->st_mode & 022) ? -EPERM : 0;
}

static int step(int root_fd, char rest[HOME_MAX_WAY], const char *after, unsigned *links, struct way *ret) {
  size_t length = 0;
  int is_last = !next_part(after, &length);
  int fd = open_way(root_fd, ret->path + 1, O_NOFOLLOW, RESOLVE_BENEATH);
  if (fd < 0) return fd;
  int error = fstat(fd, &ret->stat) < 0 ? -errno : 0;
  if (!error && S_ISLNK(ret->stat.st_mode)) {
    if (ret->stat.st_uid != 0 || is_last) error = -ELOOP;
    else if (++*links > MAX_LINKS) error = -EMLINK;
    else error = follow(fd, ret->path, rest, after);
  } else if (!error) {
    memmove(rest, after, strlen(after) + 1);
    error = judge(&ret->stat, is_last);
  }
  (void)close(fd);
  return error;
}

int way_walk(const char *root, const char *home, struct way *ret) {
  char rest[HOME_MAX_WAY];
  size_t length = strlen(home);
  unsigned links = 0;
  ret->path[0] = 0;
  if (length >= sizeof rest) return -ENAMETOOLONG;
  memcpy(rest, home, length + 1);
  int root_fd = open_way(AT_FDCWD, root, O_DIRECTORY, 0), error = root_fd < 0 ? root_fd : 0;
  for (const char *part; !error && (part = next_part(rest, &length));) {
    if (length == 2 && part[0] == '.' && part[1] == '.') {
      drop_last(ret->path);
      memmove(rest, part + length, strlen(part + length) + 1);
      continue;
    }
    error = append(ret->path, part, length);
    if (!error) error = step(root_fd, rest, part + length, &links, ret);
  }
  if (root_fd >= 0) (void)close(root_fd);
  return error ? error : ret->path[0] ? 0 : -EISDIR;
}
