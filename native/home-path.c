/* Paths below a home: taken apart, walked by descriptor. */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int path_is_plain(const char *path) {
  unsigned components = 0;
  if (!*path) return 1;
  for (const char *at = path;;) {
    size_t length = strcspn(at, "/");
    if (length == 0 || length > 255 || ++components > HOME_MAX_COMPONENTS) return 0;
    if (at[0] == '.' && (length == 1 || (length == 2 && at[1] == '.'))) return 0;
    at += length;
    if (!*at) return 1;
    at++;
  }
}

int path_open_at(int dir_fd, const char *name, int flags, mode_t mode) {
  struct open_how how = {
      .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
      .mode = flags & O_CREAT ? mode : 0,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  for (int tries = 0;; tries++) {
    long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
    if (fd >= 0) return (int)fd;
    /* EAGAIN: a rename elsewhere raced with the walk, see openat2(2). */
    if (errno != EINTR && (errno != EAGAIN || tries == 128)) return -errno;
  }
}

static char type_letter(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return 'd';
    case S_IFREG: return '-';
    case S_IFLNK: return 'l';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    case S_IFCHR: return 'c';
    case S_IFBLK: return 'b';
    default: return '?';
  }
}

int outcome_stat(int fd, struct outcome *ret) {
  if (fstat(fd, &ret->stat) < 0) return -errno;
  ret->type = type_letter(ret->stat.st_mode);
  return 0;
}

/* What stands where a directory should: for the report, so errors here do not matter. */
static void describe(int dir_fd, const char *name, struct outcome *ret) {
  if (fstatat(dir_fd, name, &ret->stat, AT_SYMLINK_NOFOLLOW) == 0) ret->type = type_letter(ret->stat.st_mode);
}

static int step_into(const struct home *home, int dir_fd, const char *name, struct outcome *ret) {
  int fd = path_open_at(dir_fd, name, O_PATH | O_DIRECTORY, 0);
  if (fd < 0) {
    describe(dir_fd, name, ret);
    return fd;
  }
  struct outcome seen = {0};
  int error = outcome_stat(fd, &seen);
  if (!error && seen.stat.st_uid != home->uid) {
    ret->stat = seen.stat;
    ret->type = seen.type;
    error = -EPERM;
  }
  if (!error) return fd;
  (void)close(fd);
  return error;
}

/* Bytes before the last slash: the directory that holds the path's last component. */
static size_t parent_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) : 0;
}

static unsigned count_components(const char *path) {
  unsigned count = 1;
  for (; *path; path++) count += *path == '/';
  return count;
}

/* From the home to the directory of the path's last component, which is not the home. */
static int walk(const struct home *home, const char *path, struct outcome *ret) {
  char name[256];
  int fd = home->fd;
  for (ret->component = 1;; ret->component++) {
    size_t length = strcspn(path, "/");
    if (!path[length]) return fd;
    memcpy(name, path, length);
    name[length] = 0;
    int next = step_into(home, fd, name, ret);
    if (fd != home->fd) (void)close(fd);
    if (next < 0) return next;
    fd = next;
    path += length + 1;
  }
}

int path_open_parent(const struct home *home, const char *path, const char **ret_name, struct outcome *ret) {
  struct walked *last = home->last;
  size_t length = parent_length(path);
  *ret_name = length > 0 ? path + length + 1 : path;
  ret->component = count_components(path);
  if (length == 0) return home->fd;
  if (last->fd >= 0 && length == last->length && memcmp(path, last->path, length) == 0) return last->fd;
  int fd = walk(home, path, ret);
  if (fd < 0) return fd;
  path_forget(home);
  *last = (struct walked){fd, path, length};
  return fd;
}

void path_forget(const struct home *home) {
  if (home->last->fd >= 0) (void)close(home->last->fd);
  home->last->fd = -1;
}
