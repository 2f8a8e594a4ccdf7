/* Ops that make entries inside the root: directories, files to mount on, symlinks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../launch.h"
#include "paths.h"

/* An existing directory is as good, also behind a symlink of the image. */
int op_mkdir(struct stage_state *state, const struct op *op) {
  const char *name = NULL;
  autoclose int parent_fd = open_parent_in_root(state->root_fd, op->arg[0].text, &name);
  if (parent_fd < 0) return parent_fd;
  if (mkdirat(parent_fd, name, (mode_t)op->arg[1].number) == 0) return 0;
  if (errno != EEXIST) return -errno;
  autoclose int fd = open_in_root(state->root_fd, op->arg[0].text, O_PATH | O_DIRECTORY, 0);
  return fd < 0 ? fd : 0;
}

int op_touch(struct stage_state *state, const struct op *op) {
  const char *name = NULL;
  autoclose int parent_fd = open_parent_in_root(state->root_fd, op->arg[0].text, &name);
  if (parent_fd < 0) return parent_fd;
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  autoclose int fd = openat(parent_fd, name, flags, (mode_t)op->arg[1].number);
  return fd < 0 && errno != EEXIST ? -errno : 0;
}

static int is_empty(int fd, bool *ret_empty) {
  autoclose int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = own_fd < 0 ? NULL : fdopendir(own_fd);
  if (!directory) return -errno;
  own_fd = -1;
  *ret_empty = true;
  for (struct dirent *entry; *ret_empty && (entry = readdir(directory));)
    *ret_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
  closedir(directory);
  return 0;
}

/* adopt SOURCE TARGET: an empty directory of the host takes the owner and the mode of what it is to cover, so that a program
 * of the image that is not root can write there as it could before. */
int op_adopt(struct stage_state *state, const struct op *op) {
  struct stat stat;
  bool empty = false;
  autoclose int source_fd = open_real(op->arg[0].text, O_RDONLY | O_DIRECTORY);
  if (source_fd < 0) return source_fd;
  int error = is_empty(source_fd, &empty);
  if (error || !empty) return error;
  autoclose int target_fd = open_in_root(state->root_fd, op->arg[1].text, O_PATH | O_DIRECTORY, 0);
  if (target_fd < 0) return target_fd;
  if (fstat(target_fd, &stat) < 0 || fchown(source_fd, stat.st_uid, stat.st_gid) < 0) return -errno;
  return fchmod(source_fd, stat.st_mode & 01777) < 0 ? -errno : 0;
}

int op_symlink(struct stage_state *state, const struct op *op) {
  const char *name = NULL;
  autoclose int parent_fd = open_parent_in_root(state->root_fd, op->arg[1].text, &name);
  if (parent_fd < 0) return parent_fd;
  return symlinkat(op->arg[0].text, parent_fd, name) < 0 ? -errno : 0;
}
