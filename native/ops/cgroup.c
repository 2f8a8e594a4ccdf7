/* Ops on the cgroup v2 tree below the user's delegation. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../cgroup-tree.h"
#include "../launch.h"

/* A directory that is really a cgroup, or a write could go elsewhere. */
static int open_cgroup(const char *path) {
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  struct statfs fs;
  if (fd < 0) return -errno;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return fd;
  close(fd);
  return -ENOTSUP;
}

int op_cgroup_make(struct stage_state *state, const struct op *op) {
  (void)state;
  if (mkdir(op->arg[0].text, 0755) < 0 && errno != EEXIST) return -errno;
  autoclose int fd = open_cgroup(op->arg[0].text);
  return fd < 0 ? fd : 0;
}

int op_cgroup_write(struct stage_state *state, const struct op *op) {
  (void)state;
  const char *file = op->arg[1].text, *value = op->arg[2].text;
  if (strchr(file, '/')) return -EINVAL;
  autoclose int cgroup_fd = open_cgroup(op->arg[0].text);
  if (cgroup_fd < 0) return cgroup_fd;
  autoclose int fd = openat(cgroup_fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -errno;
  return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* cgroup-remove SCOPE: in a session. That of a direct launch is a scope of systemd's, which removes it. */
int op_cgroup_remove(struct stage_state *state, const struct op *op) {
  /* The next payload runs in it. */
  if (state->launch->restart.due) return 0;
  const char *tree = values_get(&state->launch->plan.values, "session-cgroup");
  return tree && *tree ? cgroup_tree_remove(tree, op->arg[0].text) : 0;
}
