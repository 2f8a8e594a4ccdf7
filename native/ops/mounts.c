/* Ops on mounts: namespaces' propagation, the root, file systems, binds, devices, masked and read-only paths. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "../launch.h"
#include "paths.h"

#define MOUNTING (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

int op_propagation(struct stage_state *state, const struct op *op) {
  (void)state;
  if (strcmp(op->arg[0].text, "private") != 0) return -EINVAL;
  struct mount_attr attr = {.propagation = 1 << 18 /* MS_PRIVATE */};
  return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0 ? -errno : 0;
}

/* In the session stage the root is opened where storage mounted it. In the container stage it is cloned onto itself: mounts
 * that came from the parent namespace are locked, and a locked mount can be no root (mount_namespaces(7)). */
int op_root(struct stage_state *state, const struct op *op) {
  close_fd(&state->root_fd);
  state->root_fd = open(op->arg[0].text, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (state->root_fd < 0) return -errno;
  if (state->role != ROLE_CONTAINER) return 0;
  int mount_fd = clone_mount(state->root_fd, 0);
  if (mount_fd < 0) return mount_fd;
  int error = attach_mount(mount_fd, state->root_fd);
  close_fd(&state->root_fd);
  state->root_fd = mount_fd;
  return error;
}

int op_tmpfs_root(struct stage_state *state, const struct op *op) {
  autoclose int target_fd = open(op->arg[0].text, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (target_fd < 0) return -errno;
  state->root_fd = create_mount("tmpfs", "mode=0755,size=1m", "", MOUNTING);
  return state->root_fd < 0 ? state->root_fd : attach_mount(state->root_fd, target_fd);
}

int op_mount(struct stage_state *state, const struct op *op) {
  uint64_t attributes = 0;
  int error = parse_attributes(op->arg[2].text, &attributes);
  if (error) return error;
  /* A symlink of the image in the place of /proc or /sys would let the image choose what later writes reach. */
  autoclose int target_fd = open_in_root(state->root_fd, op->arg[1].text, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  if (target_fd < 0) return target_fd;
  autoclose int mount_fd = create_mount(op->arg[0].text, op->arg[3].text, op->arg[4].text, attributes);
  return mount_fd < 0 ? mount_fd : attach_mount(mount_fd, target_fd);
}

/* The caller saw a file by its device and inode; a session's view of the same path could be of another one. */
static bool is_meant(const struct stat *stat, const char *identity) {
  char seen[64];
  snprintf(seen, sizeof seen, "%llu:%llu", (unsigned long long)stat->st_dev, (unsigned long long)stat->st_ino);
  return !*identity || strcmp(seen, identity) == 0;
}

int op_bind(struct stage_state *state, const struct op *op) {
  uint64_t attributes = 0;
  int error = parse_attributes(op->arg[2].text, &attributes);
  if (error) return error;
  /* The plan names real paths: a symlink now is one that a writer of the source's parent put there after the check. */
  autoclose int source_fd = open_real(op->arg[0].text, O_PATH);
  if (source_fd < 0) return source_fd;
  struct stat stat;
  if (fstat(source_fd, &stat) < 0) return -errno;
  bool directory = strcmp(op->arg[3].text, "directory") == 0;
  if (directory != S_ISDIR(stat.st_mode)) return directory ? -ENOTDIR : -EISDIR;
  if (!is_meant(&stat, op->arg[4].text)) return -ESTALE;
  autoclose int mount_fd = clone_mount(source_fd, attributes);
  if (mount_fd < 0) return mount_fd;
  autoclose int target_fd = open_in_root(state->root_fd, op->arg[1].text, O_PATH, 0);
  return target_fd < 0 ? target_fd : attach_mount(mount_fd, target_fd);
}

int op_device(struct stage_state *state, const struct op *op) {
  autoclose int source_fd = open(op->arg[0].text, O_PATH | O_CLOEXEC | O_NOFOLLOW);
  if (source_fd < 0) return -errno;
  struct stat stat;
  if (fstat(source_fd, &stat) < 0) return -errno;
  dev_t wanted = makedev((unsigned)op->arg[2].number, (unsigned)op->arg[3].number);
  if (!S_ISCHR(stat.st_mode) || stat.st_rdev != wanted) return -ENODEV;
  const char *name = NULL;
  autoclose int parent_fd = open_parent_in_root(state->root_fd, op->arg[1].text, &name);
  if (parent_fd < 0) return parent_fd;
  autoclose int made_fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made_fd < 0) return -errno;
  autoclose int mount_fd = clone_mount(source_fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  return mount_fd < 0 ? mount_fd : attach_mount(mount_fd, made_fd);
}

/* The container's null device, checked to be it: an image or a racing writer could have put something else there. */
static int clone_null(struct stage_state *state) {
  autoclose int null_fd = open_in_root(state->root_fd, "/dev/null", O_PATH, RESOLVE_NO_SYMLINKS);
  struct stat stat;
  if (null_fd < 0) return null_fd;
  if (fstat(null_fd, &stat) < 0) return -errno;
  if (!S_ISCHR(stat.st_mode) || stat.st_rdev != makedev(1, 3)) return -ENODEV;
  return clone_mount(null_fd, MOUNT_ATTR_RDONLY);
}

/* A path that this kernel does not have needs no mask (runtime-spec, maskedPaths). The first file and the first directory get
 * a mount that is made, the others copies of it: a file system each would cost more than all else here. */
int op_mask(struct stage_state *state, const struct op *op) {
  autoclose int target_fd = open_in_root(state->root_fd, op->arg[0].text, O_PATH, RESOLVE_NO_SYMLINKS);
  if (target_fd == -ENOENT) return 0;
  if (target_fd < 0) return target_fd;
  struct stat stat;
  if (fstat(target_fd, &stat) < 0) return -errno;
  bool directory = S_ISDIR(stat.st_mode);
  int *cover_fd = directory ? &state->empty_fd : &state->null_fd;
  if (*cover_fd >= 0) {
    autoclose int copy_fd = clone_mount(*cover_fd, 0);
    return copy_fd < 0 ? copy_fd : attach_mount(copy_fd, target_fd);
  }
  uint64_t attributes = MOUNTING | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;
  *cover_fd = directory ? create_mount("tmpfs", "mode=0000,size=4k", "", attributes) : clone_null(state);
  return *cover_fd < 0 ? *cover_fd : attach_mount(*cover_fd, target_fd);
}

static int readonly_root(struct stage_state *state) {
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  return syscall(SYS_mount_setattr, state->root_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ? -errno : 0;
}

int op_readonly(struct stage_state *state, const struct op *op) {
  if (strcmp(op->arg[0].text, "/") == 0) return readonly_root(state);
  autoclose int target_fd = open_in_root(state->root_fd, op->arg[0].text, O_PATH, RESOLVE_NO_SYMLINKS);
  if (target_fd == -ENOENT) return 0;
  if (target_fd < 0) return target_fd;
  autoclose int mount_fd = clone_mount(target_fd, MOUNT_ATTR_RDONLY);
  return mount_fd < 0 ? mount_fd : attach_mount(mount_fd, target_fd);
}
