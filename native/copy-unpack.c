#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "sync.h"

struct target {
  int base_fd;
  const char *top; /* in place of the first component; NULL to keep it */
  uid_t uid;
  gid_t gid;
};

struct entry {
  struct tar_header header;
  char name[TAR_NAME_MAX], link[TAR_NAME_MAX];
  uint64_t size;
};

/* Whole blocks, or the end of a stream that was cut off. */
static bool take(void *bytes, size_t size) {
  char *at = bytes;
  while (size > 0) {
    ssize_t got = read(STDIN_FILENO, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

static uint64_t padded(uint64_t size) { return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK; }

static void skip(uint64_t size) {
  static char buffer[64 << 10];
  while (size > 0) {
    size_t part = size < sizeof buffer ? (size_t)size : sizeof buffer;
    if (!take(buffer, part)) return;
    size -= part;
  }
}

static uint64_t number(const char *field, size_t size) {
  uint64_t value = 0;
  if ((unsigned char)field[0] & 0x80) {
    for (size_t i = size > 9 ? size - 8 : 1; i < size; i++) value = value << 8 | (unsigned char)field[i];
    return value;
  }
  for (size_t i = 0; i < size; i++) {
    if (field[i] >= '0' && field[i] <= '7') value = value << 3 | (uint64_t)(field[i] - '0');
    else if (field[i] != ' ' || value) break;
  }
  return value;
}

/* The text of an entry that stands before the one it speaks of. False when it is too long, which no path may be. */
static bool take_text(uint64_t size, char *ret_text) {
  if (size >= TAR_NAME_MAX) return false;
  if (!take(ret_text, (size_t)size)) return false;
  ret_text[size] = 0;
  skip(padded(size) - size);
  return true;
}

/* Records "LENGTH KEY=VALUE\n" of pax(1); only names and sizes count here. */
static void read_pax(char *text, struct entry *entry) {
  while (*text) {
    char *rest = NULL;
    size_t length = strtoul(text, &rest, 10);
    if (length < 5 || length > strlen(text) || *rest != ' ' || text[length - 1] != '\n') return;
    text[length - 1] = 0;
    const char *pair = rest + 1;
    if (strncmp(pair, "path=", 5) == 0) strcpy(entry->name, pair + 5);
    else if (strncmp(pair, "linkpath=", 9) == 0) strcpy(entry->link, pair + 9);
    else if (strncmp(pair, "size=", 5) == 0) entry->size = strtoull(pair + 5, NULL, 10);
    text += length;
  }
}

static void copy_field(char *to, const char *field, size_t size) {
  size_t length = strnlen(field, size);
  memcpy(to, field, length);
  to[length] = 0;
}

static void name_entry(struct entry *entry) {
  const struct tar_header *header = &entry->header;
  if (!*entry->link) copy_field(entry->link, header->link, sizeof header->link);
  if (*entry->name) return;
  /* GNU tar has other things where POSIX has the beginning of a name. */
  if (memcmp(header->magic, "ustar", 6) == 0 && header->prefix[0]) {
    copy_field(entry->name, header->prefix, sizeof header->prefix);
    strcat(entry->name, "/");
  }
  copy_field(entry->name + strlen(entry->name), header->name, sizeof header->name);
}

/* The next entry with all that earlier ones say of it. False at the end. */
static bool next_entry(struct entry *entry) {
  static char text[TAR_NAME_MAX];
  *entry->name = *entry->link = 0;
  entry->size = UINT64_MAX;
  for (;;) {
    if (!take(&entry->header, TAR_BLOCK) || !entry->header.name[0]) return false;
    if (number(entry->header.checksum, sizeof entry->header.checksum) != tar_checksum(&entry->header)) {
      copy_complain("read", "the archive", EBADMSG);
      return false;
    }
    uint64_t size = number(entry->header.size, sizeof entry->header.size);
    const char type = entry->header.type;
    if (type == 'g') {
      skip(padded(size));
      continue;
    }
    if (type != 'L' && type != 'K' && type != 'x') {
      if (entry->size == UINT64_MAX) entry->size = size;
      name_entry(entry);
      return true;
    }
    if (!take_text(size, text)) {
      copy_complain("read", "the archive", ENAMETOOLONG);
      return false;
    }
    if (type == 'x') read_pax(text, entry);
    else strcpy(type == 'L' ? entry->name : entry->link, text);
  }
}

/* Where an entry goes below the base, or false when it goes nowhere. */
static bool place(const struct target *target, const char *name, char *ret_path) {
  while (*name == '/' || (name[0] == '.' && name[1] == '/')) name++;
  const char *rest = name + strcspn(name, "/");
  size_t used = 0;
  if (target->top) used = strlen(strcpy(ret_path, target->top));
  else used = (size_t)(stpncpy(ret_path, name, (size_t)(rest - name)) - ret_path);
  ret_path[used] = 0;
  if (used + strlen(rest) >= TAR_NAME_MAX) return false;
  strcpy(ret_path + used, rest);
  for (size_t length = strlen(ret_path); length > 0 && ret_path[length - 1] == '/'; length--) ret_path[length - 1] = 0;
  for (const char *at = ret_path; at; at = strchr(at, '/')) {
    at += *at == '/';
    if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2])) return false;
  }
  return true;
}

static void make_parents(int base_fd, char *path) {
  for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    (void)mkdirat(base_fd, path, 0755);
    *slash = '/';
  }
}

static int unpack_file(const struct target *target, const char *path, const struct entry *entry) {
  static char buffer[64 << 10];
  autoclose int fd = openat(target->base_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : 0;
  for (uint64_t left = entry->size; left > 0;) {
    size_t part = left < sizeof buffer ? (size_t)left : sizeof buffer;
    if (!take(buffer, part)) return EIO;
    for (size_t done = 0; done < part && !error;) {
      ssize_t put = write(fd, buffer + done, part - done);
      if (put < 0 && errno != EINTR) error = errno;
      if (put > 0) done += (size_t)put;
    }
    left -= part;
  }
  skip(padded(entry->size) - entry->size);
  return error;
}

static int make_directory(const struct target *target, const char *path) {
  struct stat stat;
  if (mkdirat(target->base_fd, path, 0700) == 0) return 0;
  if (errno != EEXIST || fstatat(target->base_fd, path, &stat, 0) < 0) return errno;
  return S_ISDIR(stat.st_mode) ? 0 : ENOTDIR;
}

/* What is there gives way, but a directory for nothing but a directory. A link is replaced, not followed. */
static int unpack_entry(const struct target *target, const char *path, const struct entry *entry, const char *link) {
  const char type = entry->header.type;
  if (type == '5') return make_directory(target, path);
  if (unlinkat(target->base_fd, path, 0) < 0 && errno != ENOENT) {
    int error = errno;
    skip(padded(entry->size));
    return error;
  }
  if (type == '2') return symlinkat(entry->link, target->base_fd, path) < 0 ? errno : 0;
  if (type == '1') return linkat(target->base_fd, link, target->base_fd, path, 0) < 0 ? errno : 0;
  return unpack_file(target, path, entry);
}

/* An owner that may not be given is no failure: without CAP_CHOWN everything stays root's. */
static void set_attributes(const struct target *target, const char *path, const struct entry *entry) {
  const struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                    {.tv_sec = (time_t)number(entry->header.mtime, sizeof entry->header.mtime)}};
  const bool is_link = entry->header.type == '2';
  const mode_t mode = (mode_t)number(entry->header.mode, sizeof entry->header.mode) & 01777;
  if (!is_link && fchmodat(target->base_fd, path, mode, 0) < 0) return;
  (void)utimensat(target->base_fd, path, times, AT_SYMLINK_NOFOLLOW);
  if (fchownat(target->base_fd, path, target->uid, target->gid, AT_SYMLINK_NOFOLLOW) < 0) return;
}

static void unpack_all(const struct target *target) {
  static struct entry entry;
  static char path[TAR_NAME_MAX], link[TAR_NAME_MAX];
  while (next_entry(&entry)) {
    /* Files, of old archives too, directories and links; strchr(3) finds the NUL as well. */
    const bool known = strchr("0512", entry.header.type) != NULL;
    if (!known || !place(target, entry.name, path) || (entry.header.type == '1' && !place(target, entry.link, link))) {
      skip(padded(entry.size));
      continue;
    }
    if (!*path || strcmp(path, ".") == 0) continue;
    make_parents(target->base_fd, path);
    int error = unpack_entry(target, path, &entry, link);
    if (error) copy_complain("write", path, error);
    else if (entry.header.type != '1') set_attributes(target, path, &entry);
  }
  /* The writer of the stream need not learn that its last blocks are of no interest. */
  skip(UINT64_MAX);
}

void tar_unpack(const char *path, const char *name, uid_t uid, gid_t gid) {
  static char parent[PATH_MAX];
  struct target target = {.uid = uid, .gid = gid};
  const bool whole = strcmp(name, ".") == 0;
  target.base_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  target.top = whole ? NULL : name;
  if (target.base_fd < 0 && (errno == ENOENT || errno == ENOTDIR) && !whole && strlen(path) < sizeof parent) {
    strcpy(parent, path);
    char *slash = strrchr(parent, '/');
    target.top = strrchr(path, '/') + 1;
    slash[slash == parent] = 0;
    target.base_fd = *target.top ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  }
  if (target.base_fd < 0) copy_complain("write", path, errno);
  else unpack_all(&target);
}
