#include "cgroup-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sync.h"

#define LEAF "supervisor"
#define MOUNT "/sys/fs/cgroup"

static int join(const char *tree, const char *name, size_t size, char *ret_path) {
  int length = snprintf(ret_path, size, "%s/%s", tree, name);
  return length > 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

/* "0::/path", where the path ends in the keeper's own unit: nothing else was made for us (cgroups(7)). */
static int own_cgroup(size_t size, char *ret_path) {
  char text[4096];
  autoclose int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t length = read(fd, text, sizeof text - 1);
  if (length <= 0) return -ENOENT;
  text[length] = 0;
  char *path = strstr(text, "0::/"), *end = path ? strchr(path, '\n') : NULL;
  if (!end) return -ENOENT;
  *end = 0;
  const char *unit = strrchr(path, '/');
  if (strcmp(unit, "/iso-keeper.service") != 0) return -ENOENT;
  int put = snprintf(ret_path, size, MOUNT "%s", path + 3);
  return put > 0 && (size_t)put < size ? 0 : -ENAMETOOLONG;
}

static int enter_leaf(const char *tree) {
  char path[4200];
  int error = join(tree, LEAF, sizeof path, path);
  if (!error && mkdir(path, 0755) < 0 && errno != EEXIST) error = -errno;
  if (!error) error = join(tree, LEAF "/cgroup.procs", sizeof path, path);
  return error ? error : write_file(path, "0");
}

static void hand_down(const char *tree) {
  static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io", "+cpuset"};
  char path[4200];
  if (join(tree, "cgroup.subtree_control", sizeof path, path)) return;
  /* One at a time: one that was not delegated must not keep the others away. */
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) (void)write_file(path, controllers[i]);
}

void cgroup_tree_open(size_t size, char *ret_path) {
  if (own_cgroup(size, ret_path) || enter_leaf(ret_path)) {
    *ret_path = 0;
    return;
  }
  hand_down(ret_path);
}

bool cgroup_oom_killed(const char *cgroup) {
  char path[4200], text[512];
  if (!cgroup || join(cgroup, "memory.events", sizeof path, path)) return false;
  autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (length <= 0) return false;
  text[length] = 0;
  const char *count = strstr(text, "oom_kill ");
  return count && strtoul(count + strlen("oom_kill "), NULL, 10) > 0;
}

int cgroup_tree_remove(const char *tree, const char *scope) {
  static const char *const below[] = {"container/payload", "container/storage", "container", "monitor"};
  char path[4200];
  int error = enter_leaf(tree);
  for (size_t i = 0; i < sizeof below / sizeof *below && !error; i++) {
    error = join(scope, below[i], sizeof path, path);
    if (!error && rmdir(path) < 0 && errno != ENOENT) error = -errno;
  }
  return error ? error : rmdir(scope) < 0 && errno != ENOENT ? -errno : 0;
}
