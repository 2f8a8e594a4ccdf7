#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sync.h"

#define ENTRY_MAGIC "ISOENTRY1"
#define MAX_ITEMS 4096

/* Name of the file for a key. The key itself is in the entry, so that equal names do no harm. */
static void entry_name(const char *key, char ret_name[17]) {
  /* FNV-1a, 64 bits. */
  unsigned long long hash = 0xcbf29ce484222325ull;
  for (const unsigned char *at = (const unsigned char *)key; *at; at++) hash = (hash ^ *at) * 0x100000001b3ull;
  snprintf(ret_name, 17, "%016llx", hash);
}

static int next_count(struct wire *wire, unsigned *ret_count) {
  const char *text = NULL;
  uint64_t count = 0;
  if (wire_text(wire, &text) || wire_number(text, &count) || count > MAX_ITEMS) return -EBADMSG;
  *ret_count = (unsigned)count;
  return 0;
}

static int next_pair(struct wire *wire, const char **ret_first, const char **ret_second) {
  return wire_text(wire, ret_first) || wire_text(wire, ret_second) ? -EBADMSG : 0;
}

static long long nanoseconds(const struct timespec *time) { return (long long)time->tv_sec * 1000000000 + time->tv_nsec; }

static bool holds_stamp(const char *path, const char *stamp) {
  struct stat stat;
  char now[160];
  if (fstatat(AT_FDCWD, path, &stat, 0) < 0) return (errno == ENOENT || errno == ENOTDIR) && strcmp(stamp, "-") == 0;
  snprintf(now, sizeof now, "%llu:%llu:%lld:%lld:%lld", (unsigned long long)stat.st_dev, (unsigned long long)stat.st_ino,
           (long long)stat.st_size, nanoseconds(&stat.st_mtim), nanoseconds(&stat.st_ctim));
  return strcmp(stamp, now) == 0;
}

static bool holds_text(const char *path, const char *text) {
  char now[4096];
  autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  /* What has no text, as attr/current without an LSM, has the empty one. */
  ssize_t length = fd < 0 ? 0 : read(fd, now, sizeof now - 1);
  now[length < 0 ? 0 : length] = 0;
  return strcmp(now, text) == 0;
}

static int check_all(struct wire *wire, bool (*holds)(const char *, const char *)) {
  const char *path = NULL, *known = NULL;
  unsigned count = 0;
  int error = next_count(wire, &count);
  for (unsigned i = 0; i < count && !error; i++) {
    error = next_pair(wire, &path, &known);
    if (!error && !holds(path, known)) error = -ENOENT;
  }
  return error;
}

static int skip_list(struct wire *wire, struct wire *ret_at) {
  const char *text = NULL;
  unsigned count = 0;
  *ret_at = *wire;
  int error = next_count(wire, &count);
  for (unsigned i = 0; i < count && !error; i++) error = wire_text(wire, &text);
  return error;
}

static unsigned percent(fsblkcnt_t used, fsblkcnt_t all) { return all ? (unsigned)((double)used / (double)all * 100) : 0; }

/* Below a project quota statvfs(3) shows the quota; a tree that is as large as the home around it has none. */
static int check_room(struct wire *wire) {
  const char *refuse = NULL, *home = NULL, *tree = NULL;
  struct statvfs around, inside;
  uint64_t limit = 0;
  if (wire_text(wire, &refuse) || wire_number(refuse, &limit) || next_pair(wire, &home, &tree)) return -EBADMSG;
  if (limit == 0 || statvfs(tree, &inside) < 0 || statvfs(home, &around) < 0) return 0;
  bool bytes = inside.f_blocks != around.f_blocks, files = inside.f_files != around.f_files;
  if (bytes && percent(inside.f_blocks - inside.f_bfree, inside.f_blocks) >= limit) return -ENOENT;
  return files && percent(inside.f_files - inside.f_ffree, inside.f_files) >= limit ? -ENOENT : 0;
}

static int read_constants(struct wire *wire, struct values *constants) {
  const char *name = NULL, *text = NULL;
  unsigned count = 0;
  int error = next_count(wire, &count);
  for (unsigned i = 0; i < count && !error; i++) {
    error = next_pair(wire, &name, &text);
    if (!error) error = values_add(constants, name, text);
  }
  return error;
}

static int decode(struct entry *entry, const char *key) {
  struct wire wire = {.bytes = entry->bytes, .size = entry->size};
  const char *magic = NULL, *own_key = NULL;
  if (next_pair(&wire, &magic, &own_key) || strcmp(magic, ENTRY_MAGIC) != 0 || strcmp(own_key, key) != 0) return -ENOENT;
  int error = check_all(&wire, holds_stamp);
  if (!error) error = check_all(&wire, holds_text);
  if (!error) error = skip_list(&wire, &entry->hidden);
  if (!error) error = check_room(&wire);
  if (!error) error = skip_list(&wire, &entry->warnings);
  if (!error) error = read_constants(&wire, &entry->constants);
  if (!error) error = wire_next(&wire, &entry->plan, &entry->plan_size);
  struct wire origins;
  if (!error) error = skip_list(&wire, &origins);
  return error ? error : wire.at == wire.size ? 0 : -EBADMSG;
}

/* Nobody else's, no link, no second name somewhere, closed to others: as it was written. */
static bool is_own(int fd) {
  struct stat stat;
  return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == geteuid() && stat.st_nlink == 1 &&
         (stat.st_mode & 077) == 0;
}

int entry_open(int plans_fd, const char *key, struct entry *ret) {
  char name[17];
  entry_name(key, name);
  autoclose int fd = openat(plans_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || !is_own(fd) || wire_read(fd, WIRE_MAX_BYTES, &ret->bytes, &ret->size)) return -ENOENT;
  return decode(ret, key) ? -ENOENT : 0;
}

/* Component-wise: /a/bc does not lie in /a/b. */
static bool lies_in(const char *path, const char *directory) {
  size_t length = strlen(directory);
  if (strcmp(directory, "/") == 0) return true;
  return strncmp(path, directory, length) == 0 && (path[length] == 0 || path[length] == '/');
}

bool entry_may_show(const struct entry *entry, const char *path) {
  struct wire wire = entry->hidden;
  const char *hidden = NULL;
  unsigned count = 0;
  if (next_count(&wire, &count)) return false;
  for (unsigned i = 0; i < count; i++)
    if (wire_text(&wire, &hidden) || lies_in(path, hidden) || lies_in(hidden, path)) return false;
  return true;
}
