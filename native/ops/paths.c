#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sync.h"

static int open_resolved(int at_fd, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
  for (int tries = 0; tries < 64; tries++) {
    long fd = syscall(SYS_openat2, at_fd, path, &how, sizeof how);
    if (fd >= 0) return (int)fd;
    /* EAGAIN: a rename raced with the lookup (openat2(2)). */
    if (errno != EAGAIN && errno != EINTR) return -errno;
  }
  return -EAGAIN;
}

int open_in_root(int root_fd, const char *path, uint64_t flags, uint64_t resolve) {
  return open_resolved(root_fd, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

int open_real(const char *path, uint64_t flags) {
  return open_resolved(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS);
}

/* Opens one directory below parent_fd, making it if it is absent. The name is looked up from root as well, so that a
 * symlink of the image (such as /var/run) is followed inside the root. */
static int open_or_make(int root_fd, int parent_fd, const char *prefix, const char *name) {
  int fd = open_in_root(root_fd, prefix, O_PATH | O_DIRECTORY, 0);
  if (fd != -ENOENT) return fd;
  if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST) return -errno;
  return open_in_root(root_fd, prefix, O_PATH | O_DIRECTORY, 0);
}

/* The parents of a path, each made where it is absent. */
static int make_parents(int root_fd, char *path) {
  int parent_fd = open_in_root(root_fd, "/", O_PATH | O_DIRECTORY, 0);
  char *name = path + 1;
  for (char *slash = strchr(name, '/'); parent_fd >= 0 && slash; name = slash + 1, slash = strchr(name, '/')) {
    *slash = 0;
    int next_fd = open_or_make(root_fd, parent_fd, path, name);
    close(parent_fd);
    parent_fd = next_fd;
    *slash = '/';
  }
  return parent_fd;
}

int open_parent_in_root(int root_fd, const char *path, const char **ret_name) {
  char copy[PATH_MAX];
  if (strlen(path) >= sizeof copy || path[0] != '/' || !path[1]) return -EINVAL;
  strcpy(copy, path);
  char *last = strrchr(copy, '/');
  *ret_name = path + (last + 1 - copy);
  /* Nearly always it is there. */
  *last = 0;
  int parent_fd = open_in_root(root_fd, last == copy ? "/" : copy, O_PATH | O_DIRECTORY, 0);
  *last = '/';
  return parent_fd == -ENOENT ? make_parents(root_fd, copy) : parent_fd;
}

int clone_mount(int path_fd, uint64_t attributes) {
  long mount_fd = syscall(SYS_open_tree, path_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
  if (mount_fd < 0) return -errno;
  struct mount_attr attr = {.attr_set = attributes, .propagation = 0};
  if (attributes && syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0) {
    int error = -errno;
    close((int)mount_fd);
    return error;
  }
  return (int)mount_fd;
}

int attach_mount(int mount_fd, int target_fd) {
  long done = syscall(SYS_move_mount, mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  return done < 0 ? -errno : 0;
}

static int configure(int fs_fd, const char *data) {
  char word[256];
  while (*data) {
    size_t length = strcspn(data, ",");
    if (length == 0 || length >= sizeof word) return -EINVAL;
    memcpy(word, data, length);
    word[length] = 0;
    char *value = strchr(word, '=');
    if (value) *value++ = 0;
    unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (syscall(SYS_fsconfig, fs_fd, command, word, value, 0) < 0) return -errno;
    data += length + (data[length] == ',');
  }
  return syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int create_mount(const char *type, const char *data, const char *context, uint64_t attributes) {
  autoclose int fs_fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (fs_fd < 0) return -errno;
  if (*context && syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "context", context, 0) < 0) return -errno;
  int error = configure(fs_fd, data);
  if (error) return error;
  long mount_fd = syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes);
  return mount_fd < 0 ? -errno : (int)mount_fd;
}

int parse_attributes(const char *words, uint64_t *ret_attributes) {
  static const struct {
    const char *word;
    uint64_t attribute;
  } table[] = {{"ro", MOUNT_ATTR_RDONLY},     {"nosuid", MOUNT_ATTR_NOSUID}, {"nodev", MOUNT_ATTR_NODEV},
               {"noexec", MOUNT_ATTR_NOEXEC}, {"rw", 0},                     {"noatime", MOUNT_ATTR_NOATIME}};
  uint64_t attributes = 0;
  while (*words) {
    size_t length = strcspn(words, ","), row = 0, rows = sizeof table / sizeof *table;
    while (row < rows && (strlen(table[row].word) != length || strncmp(table[row].word, words, length) != 0)) row++;
    if (row == rows) return -EINVAL;
    attributes |= table[row].attribute;
    words += length + (words[length] == ',');
  }
  *ret_attributes = attributes;
  return 0;
}
