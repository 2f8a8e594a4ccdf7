/* Removal of a tree, by descriptor, as the user. */
#include "home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Each level holds two descriptors; deeper trees than this are left and counted. */
#define MAX_DEPTH 200

static void empty_level(int dir_fd, unsigned depth, uint64_t *left);

/* Images hold directories that their owner may not write, list or enter. */
static void open_to_owner(int fd) {
  struct stat stat;
  if (fstat(fd, &stat) == 0 && (stat.st_mode & 0700) != 0700) (void)fchmod(fd, 0700);
}

static void remove_entry(int dir_fd, const char *name, unsigned depth, uint64_t *left) {
  if (unlinkat(dir_fd, name, 0) == 0) return;
  if (errno == EISDIR && depth < MAX_DEPTH) {
    int fd = path_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    if (fd == -EACCES && fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0) {
      fd = path_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    }
    if (fd >= 0) {
      open_to_owner(fd);
      empty_level(fd, depth + 1, left);
      (void)close(fd);
    }
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0) return;
  }
  if (errno != ENOENT) (*left)++;
}

static void empty_level(int dir_fd, unsigned depth, uint64_t *left) {
  int list_fd = path_open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
  DIR *list = list_fd < 0 ? NULL : fdopendir(list_fd);
  if (!list) {
    (*left)++;
    if (list_fd >= 0) (void)close(list_fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(list));) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      remove_entry(dir_fd, entry->d_name, depth, left);
    }
  }
  (void)closedir(list);
}

int tree_empty(int dir_fd, uint64_t *ret_left) {
  *ret_left = 0;
  empty_level(dir_fd, 0, ret_left);
  return *ret_left ? -ENOTEMPTY : 0;
}
