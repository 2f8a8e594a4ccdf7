/* A new volume begins as what it covers in the image: its owner and mode, and copies of what is in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../launch.h"
#include "paths.h"

/* A level takes three descriptors. */
#define DEPTH_MAX 100
#define CHUNK (1u << 20)
#define LOCK_TRIES 500
#define LOCK_WAIT_NS 20000000 /* 20 ms */

static int copy_entries(int from_fd, int to_fd, unsigned depth);

/* Neither runs as its owner: a volume is mounted nosuid, and lies on the host, too. */
static int keep_attributes(int fd, const struct stat *stat) {
  const struct timespec times[2] = {stat->st_atim, stat->st_mtim};
  if (fchown(fd, stat->st_uid, stat->st_gid) < 0 || fchmod(fd, stat->st_mode & 01777) < 0) return -errno;
  return futimens(fd, times) < 0 ? -errno : 0;
}

static int copy_file(int from_fd, int to_fd, const char *name) {
  struct stat stat;
  autoclose int source_fd = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source_fd < 0 || fstat(source_fd, &stat) < 0) return -errno;
  autoclose int target_fd = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (target_fd < 0) return -errno;
  ssize_t put;
  while ((put = sendfile(target_fd, source_fd, NULL, CHUNK)) > 0 || (put < 0 && errno == EINTR)) continue;
  return put < 0 ? -errno : keep_attributes(target_fd, &stat);
}

static int copy_link(int from_fd, int to_fd, const char *name, const struct stat *stat) {
  char target[4096];
  ssize_t length = readlinkat(from_fd, name, target, sizeof target - 1);
  if (length < 0) return -errno;
  target[length] = 0;
  if (symlinkat(target, to_fd, name) < 0) return -errno;
  return fchownat(to_fd, name, stat->st_uid, stat->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_directory(int from_fd, int to_fd, const char *name, unsigned depth) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  struct stat stat;
  if (depth >= DEPTH_MAX) return -ELOOP;
  autoclose int source_fd = openat(from_fd, name, flags);
  if (source_fd < 0 || fstat(source_fd, &stat) < 0 || mkdirat(to_fd, name, 0700) < 0) return -errno;
  autoclose int target_fd = openat(to_fd, name, flags);
  if (target_fd < 0) return -errno;
  int error = copy_entries(source_fd, target_fd, depth + 1);
  return error ? error : keep_attributes(target_fd, &stat);
}

/* Devices, FIFOs and sockets stay behind. */
static int copy_one(int from_fd, int to_fd, const char *name, unsigned depth) {
  struct stat stat;
  if (fstatat(from_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  if (S_ISDIR(stat.st_mode)) return copy_directory(from_fd, to_fd, name, depth);
  if (S_ISLNK(stat.st_mode)) return copy_link(from_fd, to_fd, name, &stat);
  return S_ISREG(stat.st_mode) ? copy_file(from_fd, to_fd, name) : 0;
}

static DIR *open_entries(int fd) {
  int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = own_fd < 0 ? NULL : fdopendir(own_fd);
  if (!directory && own_fd >= 0) close(own_fd);
  return directory;
}

static struct dirent *next_entry(DIR *directory) {
  struct dirent *entry;
  do entry = readdir(directory);
  while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
  return entry;
}

static int copy_entries(int from_fd, int to_fd, unsigned depth) {
  DIR *directory = open_entries(from_fd);
  if (!directory) return -errno;
  int error = 0;
  for (struct dirent *entry; !error && (entry = next_entry(directory));)
    error = copy_one(from_fd, to_fd, entry->d_name, depth);
  closedir(directory);
  return error;
}

static int is_empty(int fd, bool *ret_empty) {
  DIR *directory = open_entries(fd);
  if (!directory) return -errno;
  *ret_empty = !next_entry(directory);
  closedir(directory);
  return 0;
}

/* Another launch may be filling it. A container that has the volume could hold the lock, too, so the wait is bounded. */
static bool is_locked(int fd) {
  const struct timespec pause = {.tv_nsec = LOCK_WAIT_NS};
  for (int tries = 0; tries < LOCK_TRIES; tries++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

/* adopt SOURCE TARGET: all of it or nothing. */
int op_adopt(struct stage_state *state, const struct op *op) {
  struct stat stat;
  bool empty = false;
  autoclose int volume_fd = open_real(op->arg[0].text, O_RDONLY | O_DIRECTORY);
  if (volume_fd < 0) return volume_fd;
  const bool locked = is_locked(volume_fd);
  int error = is_empty(volume_fd, &empty);
  if (error || !empty) return error;
  if (!locked) return -EWOULDBLOCK;
  autoclose int image_fd = open_in_root(state->root_fd, op->arg[1].text, O_RDONLY | O_DIRECTORY, 0);
  if (image_fd < 0) return image_fd;
  if (fstat(image_fd, &stat) < 0) return -errno;
  error = copy_entries(image_fd, volume_fd, 0);
  if (!error) return keep_attributes(volume_fd, &stat);
  int content_fd = openat(volume_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (content_fd >= 0) (void)remove_content(content_fd);
  return error;
}
