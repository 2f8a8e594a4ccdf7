/* SELinux labels: of the payload, and of the pipes that are made for it. */
#include "label.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "../launch.h"
#include "paths.h"

#define MAX_CONTEXT 512

/* The kernel gives contexts with or without a NUL at their end. */
static int compare(char *seen, ssize_t length, const char *context) {
  seen[length] = 0;
  return strcmp(seen, context) == 0 ? 0 : -EIO;
}

int label_file(int fd, const char *context) {
  char seen[MAX_CONTEXT];
  if (fsetxattr(fd, XATTR_NAME_SELINUX, context, strlen(context) + 1, 0) < 0) return -errno;
  ssize_t length = fgetxattr(fd, XATTR_NAME_SELINUX, seen, sizeof seen - 1);
  return length < 0 ? -errno : compare(seen, length, context);
}

/* label CONTEXT: of what this process executes next. The container's own procfs, which was mounted before: an image can put
 * nothing in its place (CVE-2019-16884 was a label written to something else). */
int op_label(struct stage_state *state, const struct op *op) {
  const char *context = op->arg[0].text;
  char path[64], seen[MAX_CONTEXT];
  struct statfs fs;
  (void)snprintf(path, sizeof path, "/proc/%d/attr/exec", getpid());
  autoclose int fd = open_in_root(state->root_fd, path, O_RDWR, RESOLVE_NO_SYMLINKS);
  if (fd < 0) return fd;
  if (fstatfs(fd, &fs) < 0) return -errno;
  if (fs.f_type != PROC_SUPER_MAGIC) return -ENODEV;
  size_t size = strlen(context);
  ssize_t put = write(fd, context, size);
  if (put < 0) return -errno;
  if ((size_t)put != size) return -EIO;
  ssize_t length = pread(fd, seen, sizeof seen - 1, 0);
  return length < 0 ? -errno : compare(seen, length, context);
}

/* label-file PATH CONTEXT: for a file system that takes no context= in a user namespace. */
int op_label_file(struct stage_state *state, const struct op *op) {
  autoclose int fd = open_in_root(state->root_fd, op->arg[0].text, O_RDONLY | O_NONBLOCK, RESOLVE_NO_SYMLINKS);
  return fd < 0 ? fd : label_file(fd, op->arg[1].text);
}

static int relabel_below(int parent_fd, const char *name, dev_t device, const char *context, unsigned depth);

static int relabel_entries(int fd, dev_t device, const char *context, unsigned depth) {
  DIR *directory = fdopendir(fd);
  if (!directory) {
    int error = -errno;
    close(fd);
    return error;
  }
  int error = 0;
  for (struct dirent *entry; !error && (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    error = relabel_below(dirfd(directory), entry->d_name, device, context, depth);
  }
  closedir(directory);
  return error;
}

/* Only what is the caller's own on the same file system; links, sockets and devices keep their labels. */
static int relabel_below(int parent_fd, const char *name, dev_t device, const char *context, unsigned depth) {
  struct stat stat;
  if (fstatat(parent_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
  if ((!S_ISDIR(stat.st_mode) && !S_ISREG(stat.st_mode)) || stat.st_dev != device || stat.st_uid != getuid()) return 0;
  if (depth >= 900) return -ELOOP;
  int fd = openat(parent_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : -errno;
  int error = label_file(fd, context);
  if (!error && S_ISDIR(stat.st_mode)) return relabel_entries(fd, device, context, depth + 1);
  close(fd);
  return error;
}

/* relabel PATH CONTEXT: a volume and what lies in it, by the user who owns it. */
int op_relabel(struct stage_state *state, const struct op *op) {
  (void)state;
  autoclose int fd = open_real(op->arg[0].text, O_RDONLY | O_NONBLOCK);
  struct stat stat;
  if (fd < 0) return fd;
  if (fstat(fd, &stat) < 0) return -errno;
  if (stat.st_uid != getuid()) return -EPERM;
  int error = label_file(fd, op->arg[1].text);
  if (error || !S_ISDIR(stat.st_mode)) return error;
  int walk_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return walk_fd < 0 ? -errno : relabel_entries(walk_fd, stat.st_dev, op->arg[1].text, 0);
}
