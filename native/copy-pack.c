#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "sync.h"

/* A stream that is cut off is of no use to anybody. */
static void put(const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    ssize_t done = write(STDOUT_FILENO, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) _exit(1);
    at += done;
    size -= (size_t)done;
  }
}

static void put_padding(uint64_t size) {
  static const char zeroes[TAR_BLOCK];
  if (size % TAR_BLOCK) put(zeroes, TAR_BLOCK - size % TAR_BLOCK);
}

/* Octal, or for what does not fit the binary form of GNU tar. */
static void set_number(char *field, size_t size, uint64_t number) {
  if (number >> (3 * (size - 1)) == 0) {
    (void)snprintf(field, size, "%0*llo", (int)size - 1, (unsigned long long)number);
    return;
  }
  memset(field, 0, size);
  for (size_t i = size - 1; i > 0 && number > 0; i--, number >>= 8) field[i] = (char)(number & 0xff);
  field[0] = (char)0x80;
}

static void put_header(const char *name, char type, const struct stat *stat, uint64_t size, const char *link) {
  struct tar_header header = {.type = type};
  memcpy(header.name, name, strnlen(name, sizeof header.name));
  memcpy(header.link, link, strnlen(link, sizeof header.link));
  set_number(header.mode, sizeof header.mode, stat->st_mode & 07777);
  set_number(header.uid, sizeof header.uid, 0);
  set_number(header.gid, sizeof header.gid, 0);
  set_number(header.size, sizeof header.size, size);
  set_number(header.mtime, sizeof header.mtime, stat->st_mtime > 0 ? (uint64_t)stat->st_mtime : 0);
  memcpy(header.magic, "ustar  ", sizeof header.magic);
  (void)snprintf(header.checksum, sizeof header.checksum, "%06o", tar_checksum(&header));
  put(&header, sizeof header);
}

/* GNU tar: an entry before the one whose name or link does not fit. */
static void put_long(char type, const char *text) {
  static const struct stat none;
  if (strlen(text) <= 100) return;
  put_header("././@LongLink", type, &none, strlen(text) + 1, "");
  put(text, strlen(text) + 1);
  put_padding(strlen(text) + 1);
}

static void put_entry(const char *name, char type, const struct stat *stat, uint64_t size, const char *link) {
  put_long('K', link);
  put_long('L', name);
  put_header(name, type, stat, size, link);
}

/* As many bytes as the header says, whatever becomes of the file meanwhile. */
static void pack_file(int parent_fd, const char *entry, const char *name) {
  static char buffer[64 << 10];
  struct stat stat;
  autoclose int fd = openat(parent_fd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &stat) < 0) {
    copy_complain("read", name, errno);
    return;
  }
  if (!S_ISREG(stat.st_mode)) return;
  put_entry(name, '0', &stat, (uint64_t)stat.st_size, "");
  for (off_t left = stat.st_size; left > 0;) {
    size_t want = left < (off_t)sizeof buffer ? (size_t)left : sizeof buffer;
    ssize_t got = read(fd, buffer, want);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      copy_complain("read", name, got < 0 ? errno : EIO);
      memset(buffer, 0, want);
      got = (ssize_t)want;
    }
    put(buffer, (size_t)got);
    left -= got;
  }
  put_padding((uint64_t)stat.st_size);
}

static void pack_link(int parent_fd, const char *entry, const char *name, const struct stat *stat) {
  char link[PATH_MAX];
  ssize_t length = readlinkat(parent_fd, entry, link, sizeof link - 1);
  if (length < 0) {
    copy_complain("read", name, errno);
    return;
  }
  link[length] = 0;
  put_entry(name, '2', stat, 0, link);
}

static void pack_entry(int parent_fd, const char *entry, const char *name, unsigned depth);

static void pack_directory(int parent_fd, const char *entry, const char *name, unsigned depth) {
  char below[TAR_NAME_MAX];
  int fd = openat(parent_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 || depth > TAR_MAX_DEPTH ? NULL : fdopendir(fd);
  if (!directory) {
    copy_complain("read", name, depth > TAR_MAX_DEPTH ? ELOOP : errno);
    close_fd(&fd);
    return;
  }
  for (struct dirent *one; (one = readdir(directory));) {
    if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) continue;
    int length = snprintf(below, sizeof below, "%s/%s", name, one->d_name);
    if (length < 0 || (size_t)length >= sizeof below) copy_complain("read", name, ENAMETOOLONG);
    else pack_entry(dirfd(directory), one->d_name, below, depth + 1);
  }
  closedir(directory);
}

/* Sockets, FIFOs and devices are left out. */
static void pack_entry(int parent_fd, const char *entry, const char *name, unsigned depth) {
  char slashed[TAR_NAME_MAX + 1];
  struct stat stat;
  if (fstatat(parent_fd, entry, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
    copy_complain("read", name, errno);
  } else if (S_ISREG(stat.st_mode)) {
    pack_file(parent_fd, entry, name);
  } else if (S_ISLNK(stat.st_mode)) {
    pack_link(parent_fd, entry, name, &stat);
  } else if (S_ISDIR(stat.st_mode)) {
    (void)snprintf(slashed, sizeof slashed, "%s/", name);
    put_entry(slashed, '5', &stat, 0, "");
    pack_directory(parent_fd, entry, name, depth);
  }
}

void tar_pack(const char *path, const char *name) {
  static const char end[2 * TAR_BLOCK];
  pack_entry(AT_FDCWD, path, name, 0);
  put(end, sizeof end);
}
