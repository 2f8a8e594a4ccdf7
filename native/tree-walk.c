/*
 * The walk of iso-tree. A directory is tagged before what is in it, so that what is made meanwhile inherits the project,
 * and removed after it.
 */
#include "home.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each level holds one descriptor; deeper trees than this are left and counted. */
#define MAX_DEPTH 1000

/* Linux 6.17: attributes of files that cannot be opened, such as symbolic links. */
#ifndef SYS_file_getattr
#define SYS_file_getattr 468
#define SYS_file_setattr 469
#endif
struct attributes {
  uint64_t xflags;
  uint32_t extsize, nextents, projid, cowextsize;
};

/* Where the walk is: names from the tree down, for the report. */
struct place {
  const struct place *above;
  const char *name;
  unsigned depth;
};

struct walk {
  const struct tree_request *request;
  struct findings *findings;
};

static void close_fd(const int *fd) {
  if (*fd >= 0) (void)close(*fd);
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

static size_t write_place(const struct place *place, char *buffer, size_t size) {
  if (!place->above) return 0;
  size_t used = write_place(place->above, buffer, size);
  int length = snprintf(buffer + used, size - used, "%s%s", used ? "/" : "", place->name);
  return used + (size_t)length < size ? used + (size_t)length : size - 1;
}

static void keep_example(struct walk *walk, const struct place *place) {
  char *example = walk->findings->example;
  if (*example) return;
  if (!place->above) memcpy(example, ".", 2);
  else (void)write_place(place, example, sizeof walk->findings->example);
}

static void note_failure(struct walk *walk, const struct place *place, int error) {
  /* It went away while it was looked at: nothing is left to do. */
  if (error == -ENOENT) return;
  if (!walk->findings->failed++) walk->findings->error = -error;
  keep_example(walk, place);
}

static void note_uncounted(struct walk *walk, const struct place *place, const struct stat *stat) {
  walk->findings->uncounted++;
  walk->findings->uncounted_bytes += (uint64_t)stat->st_blocks * 512;
  keep_example(walk, place);
}

static int is_own(const struct tree_request *request, uid_t uid) {
  if (uid == request->uid) return 1;
  for (size_t i = 0; i < request->range_count; i++) {
    if (uid >= request->ranges[i].start && uid - request->ranges[i].start < request->ranges[i].count) return 1;
  }
  return 0;
}

/* Opens for reading what an O_PATH descriptor holds, if the name still means the same inode. */
static int reopen(int dir_fd, const char *name, const struct stat *seen) {
  struct stat stat;
  int flags = S_ISDIR(seen->st_mode) ? O_DIRECTORY : 0;
  int fd = path_open_at(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags, 0);
  if (fd < 0) return fd;
  if (fstat(fd, &stat) == 0 && stat.st_ino == seen->st_ino && stat.st_dev == seen->st_dev) return fd;
  (void)close(fd);
  return -ESTALE;
}

/* A file or directory that can be opened. 0 or -errno. */
static int tag_opened(struct walk *walk, int fd, const struct stat *stat, const struct place *place) {
  uint32_t inherit = S_ISDIR(stat->st_mode) ? FS_XFLAG_PROJINHERIT : 0;
  struct fsxattr now = {0};
  if (ioctl(fd, FS_IOC_FSGETXATTR, &now) < 0) return -errno;
  if (now.fsx_projid == walk->request->project && (now.fsx_xflags & inherit) == inherit) {
    walk->findings->counted++;
    return 0;
  }
  if (walk->request->mode != TREE_TAG) {
    note_uncounted(walk, place, stat);
    return 0;
  }
  now.fsx_projid = walk->request->project;
  now.fsx_xflags |= inherit;
  if (ioctl(fd, FS_IOC_FSSETXATTR, &now) < 0) {
    int error = -errno;
    note_uncounted(walk, place, stat);
    return error;
  }
  walk->findings->changed++;
  return 0;
}

/* A link, FIFO, socket or device, which must not be opened. */
static void tag_special(struct walk *walk, int path_fd, const struct stat *stat, const struct place *place) {
  struct attributes now = {0};
  if (syscall(SYS_file_getattr, path_fd, "", &now, sizeof now, AT_EMPTY_PATH) < 0) {
    walk->findings->special++;
  } else if (now.projid == walk->request->project) {
    walk->findings->counted++;
  } else if (walk->request->mode != TREE_TAG) {
    note_uncounted(walk, place, stat);
  } else {
    now.projid = walk->request->project;
    if (syscall(SYS_file_setattr, path_fd, "", &now, sizeof now, AT_EMPTY_PATH) < 0) walk->findings->special++;
    else walk->findings->changed++;
  }
}

static void enter(struct walk *walk, int dir_fd, const struct place *place);

static uint64_t count_left(const struct findings *findings) {
  return findings->foreign + findings->mounts + findings->deep + findings->failed;
}

/* A name in a directory of the user, who may remove it, whatever it is. `left` is what was left before its own content. */
static void remove_name(struct walk *walk, int dir_fd, const struct place *place, int flags, uint64_t left) {
  if (unlinkat(dir_fd, place->name, flags) == 0) walk->findings->changed++;
  /* What keeps a directory from being empty was counted, or has come meanwhile. */
  else if (errno != ENOTEMPTY || left == count_left(walk->findings)) note_failure(walk, place, -errno);
}

static void visit(struct walk *walk, int dir_fd, const struct place *place) {
  struct stat stat;
  AUTO_CLOSE int path_fd = path_open_at(dir_fd, place->name, O_PATH, 0);
  if (path_fd == -EXDEV) {
    walk->findings->mounts++;
    return;
  }
  if (path_fd < 0) return note_failure(walk, place, path_fd);
  if (fstat(path_fd, &stat) < 0) return note_failure(walk, place, -errno);
  if (!is_own(walk->request, stat.st_uid)) {
    walk->findings->foreign++;
    return;
  }
  const int clears = walk->request->mode == TREE_CLEAR;
  const uint64_t left = count_left(walk->findings);
  if (clears && !S_ISDIR(stat.st_mode)) return remove_name(walk, dir_fd, place, 0, left);
  if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) return tag_special(walk, path_fd, &stat, place);
  int fd = reopen(dir_fd, place->name, &stat);
  if (fd < 0) return note_failure(walk, place, fd);
  int error = clears ? 0 : tag_opened(walk, fd, &stat, place);
  if (error) note_failure(walk, place, error);
  if (S_ISDIR(stat.st_mode)) enter(walk, fd, place);
  else (void)close(fd);
  if (clears && place->above) remove_name(walk, dir_fd, place, AT_REMOVEDIR, left);
}

/* What is in a directory; takes the descriptor. */
static void enter(struct walk *walk, int dir_fd, const struct place *place) {
  DIR *list = place->depth < MAX_DEPTH ? fdopendir(dir_fd) : NULL;
  if (!list) {
    walk->findings->deep++;
    (void)close(dir_fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(list));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    const struct place inside = {.above = place, .name = entry->d_name, .depth = place->depth + 1};
    visit(walk, dirfd(list), &inside);
  }
  (void)closedir(list);
}

void tree_walk(int tree_fd, const struct tree_request *request, struct findings *ret) {
  struct walk walk = {.request = request, .findings = ret};
  const struct place top = {.name = "."};
  visit(&walk, tree_fd, &top);
}
