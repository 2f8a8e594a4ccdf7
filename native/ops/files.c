/* Ops that make entries inside the root: directories, files to mount on, symlinks. */
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

int op_symlink(struct stage_state *state, const struct op *op) {
  const char *name = NULL;
  autoclose int parent_fd = open_parent_in_root(state->root_fd, op->arg[1].text, &name);
  if (parent_fd < 0) return parent_fd;
  return symlinkat(op->arg[0].text, parent_fd, name) < 0 ? -errno : 0;
}
