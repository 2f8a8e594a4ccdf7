/* The ops of iso-home: each opens its target below the home by descriptor, checks it, and does one thing. */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static void close_fd(const int *fd) {
  if (*fd >= 0) (void)close(*fd);
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

/* An O_PATH descriptor of what a path names, its directory, and its name there: "." for the home. */
struct target {
  int dir_fd, fd;
  const char *name;
};

static void close_target(const struct target *target) { close_fd(&target->fd); }
#define AUTO_TARGET __attribute__((cleanup(close_target))) struct target

static int open_target(const struct home *home, const char *path, struct target *ret_target, struct outcome *ret) {
  ret_target->fd = -1;
  ret_target->dir_fd = path_open_parent(home, path, &ret_target->name, ret);
  if (ret_target->dir_fd < 0) return ret_target->dir_fd;
  if (*path) {
    ret_target->fd = path_open_at(ret_target->dir_fd, ret_target->name, O_PATH, 0);
    return ret_target->fd < 0 ? ret_target->fd : outcome_stat(ret_target->fd, ret);
  }
  /* Not by its name, since its owner may have closed it to themselves. */
  ret->component = 0;
  ret_target->name = ".";
  ret_target->fd = fcntl(home->fd, F_DUPFD_CLOEXEC, 5);
  return ret_target->fd < 0 ? -errno : outcome_stat(ret_target->fd, ret);
}

/* What root would never touch through a path either: other people's files, and files that have a second name. */
static int require_own(const struct home *home, const struct outcome *seen) {
  if (seen->stat.st_uid != home->uid) return -EPERM;
  if (seen->type == '-') return seen->stat.st_nlink == 1 ? 0 : -EMLINK;
  return seen->type == 'd' ? 0 : -EINVAL;
}

/* Opens for reading what the O_PATH descriptor holds, if the name still means the same inode. */
static int reopen(const struct target *target, const struct outcome *seen) {
  struct outcome again = {0};
  int fd = path_open_at(target->dir_fd, target->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return fd;
  int error = outcome_stat(fd, &again);
  if (!error && again.stat.st_ino == seen->stat.st_ino && again.stat.st_dev == seen->stat.st_dev) return fd;
  (void)close(fd);
  return error ? error : -ESTALE;
}

/* Of one file at a time: a mapping of its own for each would cost more than the reading. */
static int read_content(int fd, struct outcome *ret) {
  static char content[HOME_MAX_CONTENT + 1];
  size_t used = 0;
  for (;;) {
    ssize_t got = read(fd, content + used, sizeof content - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    used += (size_t)got;
    if (used > HOME_MAX_CONTENT) return -EFBIG;
  }
  ret->content = content;
  ret->content_size = used;
  return 0;
}

/* A label of its own that does not fit is no label that anybody set on purpose. */
static void read_label(int fd, struct outcome *ret) {
  ssize_t length = fgetxattr(fd, "security.selinux", ret->label, sizeof ret->label - 1);
  ret->label[length < 0 ? 0 : length] = 0;
}

/* observe PATH: what it is; a regular file's content; a directory's project id (0 where the file system has none). */
static int act_observe(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  int error = open_target(home, request->path, &target, ret);
  if (error || (ret->type != '-' && ret->type != 'd') || ret->stat.st_uid != home->uid) return error;
  AUTO_CLOSE int read_fd = reopen(&target, ret);
  if (read_fd < 0) return read_fd == -EACCES ? 0 : read_fd;
  read_label(read_fd, ret);
  if (ret->type == '-') return ret->stat.st_size > HOME_MAX_CONTENT ? -EFBIG : read_content(read_fd, ret);
  struct fsxattr attributes = {0};
  if (ioctl(read_fd, FS_IOC_FSGETXATTR, &attributes) == 0 && attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) {
    ret->project = attributes.fsx_projid;
  }
  return 0;
}

/* By descriptor first (Linux 6.6), then through /proc, which a chroot may lack. */
static int change_mode(int path_fd, mode_t mode) {
  char proc[64];
  if (syscall(SYS_fchmodat2, path_fd, "", mode, AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOSYS && errno != EPERM) return -errno;
  (void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", path_fd);
  return chmod(proc, mode) == 0 ? 0 : -errno;
}

static int act_chmod(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  int error = open_target(home, request->path, &target, ret);
  if (!error) error = require_own(home, ret);
  if (!error) error = change_mode(target.fd, (mode_t)request->number);
  return error ? error : outcome_stat(target.fd, ret);
}

/* mkdir PATH MODE: the mode is set again by descriptor, since a set-group-id parent hands its bit down. */
static int act_mkdir(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_CLOSE int fd = -1;
  const char *name = NULL;
  int dir_fd = path_open_parent(home, request->path, &name, ret);
  if (dir_fd < 0) return dir_fd;
  if (mkdirat(dir_fd, name, (mode_t)request->number) < 0) return -errno;
  fd = path_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fd;
  int error = outcome_stat(fd, ret);
  if (!error) error = require_own(home, ret);
  if (!error && fchmod(fd, (mode_t)request->number) < 0) error = -errno;
  return error ? error : outcome_stat(fd, ret);
}

static int fill(const struct home *home, int fd, const struct request *request) {
  size_t done = 0;
  while (done < request->content_size) {
    ssize_t put = write(fd, request->content + done, request->content_size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return -errno;
    done += (size_t)put;
  }
  if (fchmod(fd, (mode_t)request->number) < 0) return -errno;
  return home->syncs_files && fsync(fd) < 0 ? -errno : 0;
}

static int sync_directory(const struct home *home, int dir_fd) {
  if (!home->syncs_files) return 0;
  AUTO_CLOSE int fd = path_open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fd;
  /* Some network file systems do not sync directories: nothing more can be done there. */
  return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* A new file beside the target, never one that exists; what a killed run left under this name is removed. */
static int open_fresh(int dir_fd, const char *name, char ret_fresh[256]) {
  int length = snprintf(ret_fresh, 256, ".%s.iso-new", name);
  if (length >= 256) return -ENAMETOOLONG;
  int fd = path_open_at(dir_fd, ret_fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd != -EEXIST) return fd;
  if (unlinkat(dir_fd, ret_fresh, 0) < 0) return -errno;
  return path_open_at(dir_fd, ret_fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

/* write PATH MODE CONTENT: whole or not at all; what stands there must be a plain file of the user with one name. */
static int act_write(const struct home *home, const struct request *request, struct outcome *ret) {
  const char *name = NULL;
  char fresh[256];
  int dir_fd = path_open_parent(home, request->path, &name, ret);
  if (dir_fd < 0) return dir_fd;
  int error = 0;
  AUTO_CLOSE int old_fd = path_open_at(dir_fd, name, O_PATH, 0);
  if (old_fd >= 0) {
    error = outcome_stat(old_fd, ret);
    if (!error) error = ret->type == '-' ? require_own(home, ret) : -EINVAL;
    if (error) return error;
  } else if (old_fd != -ENOENT) {
    return old_fd;
  }
  AUTO_CLOSE int fd = open_fresh(dir_fd, name, fresh);
  if (fd < 0) return fd;
  error = fill(home, fd, request);
  if (!error && renameat(dir_fd, fresh, dir_fd, name) < 0) error = -errno;
  if (error) {
    (void)unlinkat(dir_fd, fresh, 0);
    return error;
  }
  error = sync_directory(home, dir_fd);
  return error ? error : outcome_stat(fd, ret);
}

static int remove_name(const struct home *home, const struct request *request, int flags, struct outcome *ret) {
  const char *name = NULL;
  int dir_fd = path_open_parent(home, request->path, &name, ret);
  if (dir_fd < 0) return dir_fd;
  return unlinkat(dir_fd, name, flags) < 0 ? -errno : 0;
}

static int act_unlink(const struct home *home, const struct request *request, struct outcome *ret) {
  return remove_name(home, request, 0, ret);
}

static int act_rmdir(const struct home *home, const struct request *request, struct outcome *ret) {
  return remove_name(home, request, AT_REMOVEDIR, ret);
}

/* empty PATH: removes all that lies below a directory; the report's size is the number of entries left. */
static int act_empty(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  uint64_t left = 0;
  int error = open_target(home, request->path, &target, ret);
  if (!error) error = ret->type == 'd' ? require_own(home, ret) : -ENOTDIR;
  if (!error) error = tree_empty(target.fd, &left);
  ret->stat.st_size = (off_t)left;
  return error;
}

/* project PATH ID: the directory and what will be made in it count towards this quota project. */
static int act_project(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  int error = open_target(home, request->path, &target, ret);
  if (!error) error = ret->type == 'd' ? require_own(home, ret) : -ENOTDIR;
  if (error) return error;
  AUTO_CLOSE int read_fd = reopen(&target, ret);
  if (read_fd < 0) return read_fd;
  struct fsxattr attributes = {0};
  if (ioctl(read_fd, FS_IOC_FSGETXATTR, &attributes) < 0) return -errno;
  attributes.fsx_projid = (uint32_t)request->number;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  if (ioctl(read_fd, FS_IOC_FSSETXATTR, &attributes) < 0) return -errno;
  ret->project = attributes.fsx_projid;
  return 0;
}

/* label PATH CONTEXT: the directory's SELinux context, read back, since a label that is not there must not be believed. */
static int act_label(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  int error = open_target(home, request->path, &target, ret);
  if (!error) error = ret->type == 'd' ? require_own(home, ret) : -ENOTDIR;
  if (!error && request->content_size >= sizeof ret->label) error = -E2BIG;
  if (error) return error;
  AUTO_CLOSE int read_fd = reopen(&target, ret);
  if (read_fd < 0) return read_fd;
  /* The value is NUL-terminated on disk, as libselinux writes it; tokens are as well. */
  if (fsetxattr(read_fd, "security.selinux", request->content, request->content_size + 1, 0) < 0) return -errno;
  read_label(read_fd, ret);
  return strcmp(ret->label, request->content) == 0 ? 0 : -EIO;
}

/* sync PATH: what was written to the file system of this directory is on disk, or the error with which that failed. */
static int act_sync(const struct home *home, const struct request *request, struct outcome *ret) {
  AUTO_TARGET target;
  int error = open_target(home, request->path, &target, ret);
  if (error) return error;
  AUTO_CLOSE int read_fd = reopen(&target, ret);
  if (read_fd >= 0) return syncfs(read_fd) < 0 ? -errno : 0;
  if (read_fd != -EACCES) return read_fd;
  /* A home that its owner may not list: sync(2) takes longer, and asks nobody. */
  sync();
  return 0;
}

static const struct op OPS[] = {
    /* name, has_number, has_content, changes, act */
    {"observe", 0, 0, 0, act_observe}, {"mkdir", 1, 0, 1, act_mkdir}, {"chmod", 1, 0, 1, act_chmod},
    {"write", 1, 1, 1, act_write},     {"unlink", 0, 0, 1, act_unlink}, {"rmdir", 0, 0, 1, act_rmdir},
    {"empty", 0, 0, 1, act_empty},     {"project", 1, 0, 1, act_project}, {"label", 0, 1, 1, act_label},
    {"sync", 0, 0, 0, act_sync},
};

const struct op *op_find(const char *name) {
  for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
    if (strcmp(OPS[i].name, name) == 0) return &OPS[i];
  }
  return NULL;
}
