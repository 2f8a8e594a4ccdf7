#include "cgroup-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sync.h"

#define LEAF "supervisor"
#define MOUNT "/sys/fs/cgroup"
#define END_MS 5000

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

unsigned long cgroup_count(const char *cgroup, const char *file, const char *key) {
  char path[4200], text[512];
  if (!cgroup || join(cgroup, file, sizeof path, path)) return 0;
  autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (length <= 0) return 0;
  text[length] = 0;
  const size_t size = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
    if (strncmp(line, key, size) == 0 && line[size] == ' ') return strtoul(line + size, NULL, 10);
  return 0;
}

/* Waits for the end of every process below: the kernel tells of the last one by a change of the file (cgroups v2). */
static int wait_until_empty(const char *scope, int timeout_ms) {
  char path[4200], text[256];
  int error = join(scope, "cgroup.events", sizeof path, path);
  autoclose int fd = error ? error : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return error ? error : errno == ENOENT ? 0 : -errno;
  for (;;) {
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    if (length < 0) return errno == ENODEV ? 0 : -errno;
    text[length] = 0;
    if (strstr(text, "populated 0")) return 0;
    struct pollfd changed = {.fd = fd, .events = POLLPRI};
    if (poll(&changed, 1, timeout_ms) == 0) return -ETIMEDOUT;
  }
}

/* A program of the storage ends by itself when what it served is unmounted, which takes its time. */
static int empty(const char *scope) {
  char path[4200];
  if (wait_until_empty(scope, END_MS) != -ETIMEDOUT) return 0;
  int error = join(scope, "cgroup.kill", sizeof path, path);
  if (!error) error = write_file(path, "1");
  return error ? error : wait_until_empty(scope, END_MS);
}

int cgroup_tree_remove(const char *tree, const char *scope) {
  static const char *const below[] = {"container/payload", "container/storage", "container", "monitor"};
  char path[4200];
  int error = enter_leaf(tree);
  if (!error) error = empty(scope);
  for (size_t i = 0; i < sizeof below / sizeof *below && !error; i++) {
    error = join(scope, below[i], sizeof path, path);
    if (!error && rmdir(path) < 0 && errno != ENOENT) error = -errno;
  }
  return error ? error : rmdir(scope) < 0 && errno != ENOENT ? -errno : 0;
}
