/*
 * iso-tree: puts all files of a container tree into its user's quota project, looks which are not in it, or removes what
 * lies below it. Files of subordinate ids are none that the user could open, so root walks, and by descriptor alone:
 * openat2(2) follows no link, crosses no mount and leads nowhere out of the tree, and what belongs to anybody else is left
 * alone.
 *
 *   stdin   "iso-tree-1" "tag"|"check"|"clear" uid project home tree N (start count)*N; project is 0 for "clear"
 *   stdout  counted changed uncounted uncounted-bytes special foreign mounts deep failed errno example "end",
 *           or "fatal" STAGE errno
 *
 * What is right already is passed over, so a walk that was ended goes on where it was when it is started again.
 */
#include "tree.h"
#include "home.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_REQUEST = 64 << 10 };

static void put_text(const char *text) {
  size_t size = strlen(text);
  unsigned char length[4] = {(unsigned char)size, (unsigned char)(size >> 8), (unsigned char)(size >> 16),
                             (unsigned char)(size >> 24)};
  (void)fwrite(length, 1, sizeof length, stdout);
  (void)fwrite(text, 1, size + 1, stdout);
}

static void put_number(uint64_t number) {
  char text[24];
  (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  put_text(text);
}

static int fatal(const char *stage, int error) {
  put_text("fatal");
  put_text(stage);
  put_number((uint64_t)-error);
  (void)fflush(stdout);
  return 1;
}

static int next_number(struct wire *wire, uint64_t max, uint64_t *ret) {
  const char *text = NULL;
  int error = wire_text(wire, &text);
  if (!error) error = wire_number(text, ret);
  return error ? error : *ret > max ? -ERANGE : 0;
}

static int find_mode(const char *name, enum tree_mode *ret) {
  static const char *const names[] = {[TREE_CHECK] = "check", [TREE_TAG] = "tag", [TREE_CLEAR] = "clear"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    *ret = (enum tree_mode)i;
    if (strcmp(name, names[i]) == 0) return 0;
  }
  return -EBADMSG;
}

static int decode(struct wire *wire, struct tree_request *request) {
  const char *version = NULL, *mode = NULL;
  uint64_t uid = 0, project = 0, count = 0;
  if (wire_text(wire, &version) || strcmp(version, "iso-tree-1") != 0) return -EPROTO;
  if (wire_text(wire, &mode) || find_mode(mode, &request->mode)) return -EBADMSG;
  /* Root's own files are nobody's container tree; project 0 is what files without a project have. */
  if (next_number(wire, UINT32_MAX - 1, &uid) || uid == 0) return -EBADMSG;
  if (next_number(wire, UINT32_MAX - 1, &project)) return -EBADMSG;
  if ((project == 0) != (request->mode == TREE_CLEAR)) return -EBADMSG;
  if (wire_text(wire, &request->home) || request->home[0] != '/') return -EBADMSG;
  if (wire_text(wire, &request->tree) || !*request->tree || !path_is_plain(request->tree)) return -EBADMSG;
  if (next_number(wire, TREE_MAX_RANGES, &count)) return -EBADMSG;
  for (uint64_t i = 0; i < count; i++) {
    struct range *range = &request->ranges[i];
    if (next_number(wire, UINT32_MAX - 1, &range->start) || range->start == 0) return -EBADMSG;
    if (next_number(wire, UINT32_MAX, &range->count)) return -EBADMSG;
  }
  request->uid = (uid_t)uid;
  request->project = (uint32_t)project;
  request->range_count = count;
  return wire->at == wire->size ? 0 : -EBADMSG;
}

static int require_owner(int fd, uid_t uid) {
  struct stat stat;
  if (fstat(fd, &stat) < 0) return -errno;
  return stat.st_uid == uid ? 0 : -EPERM;
}

/* The tree's top; every directory from the home down to it must be the user's. Descriptor or -errno. */
static int open_tree_top(const struct tree_request *request) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  struct outcome seen = {0};
  struct walked last = {.fd = -1};
  struct home home = {.uid = request->uid, .last = &last};
  const char *name = NULL;
  int fd = -1;
  home.fd = (int)syscall(SYS_openat2, AT_FDCWD, request->home, &how, sizeof how);
  if (home.fd < 0) return -errno;
  int error = require_owner(home.fd, request->uid);
  if (!error) fd = path_open_parent(&home, request->tree, &name, &seen);
  if (!error && fd >= 0) fd = path_open_at(fd, name, O_PATH | O_DIRECTORY, 0);
  path_forget(&home);
  (void)close(home.fd);
  if (error || fd < 0) return error ? error : fd;
  error = require_owner(fd, request->uid);
  if (!error) return fd;
  (void)close(fd);
  return error;
}

static void report(const struct findings *findings) {
  put_number(findings->counted);
  put_number(findings->changed);
  put_number(findings->uncounted);
  put_number(findings->uncounted_bytes);
  put_number(findings->special);
  put_number(findings->foreign);
  put_number(findings->mounts);
  put_number(findings->deep);
  put_number(findings->failed);
  put_number((uint64_t)findings->error);
  put_text(findings->example);
  put_text("end");
}

int main(void) {
  static struct tree_request request;
  static struct findings findings;
  struct wire wire = {0};
  struct rlimit files;
  unsigned char *bytes = NULL;
  (void)syscall(SYS_close_range, 3, ~0u, 0);
  int error = wire_read(STDIN_FILENO, MAX_REQUEST, &bytes, &wire.size);
  if (error) return fatal("read", error);
  wire.bytes = bytes;
  error = decode(&wire, &request);
  if (error) return fatal("decode", error);
  /* A descriptor for each level. */
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  int fd = open_tree_top(&request);
  if (fd < 0) return fatal("tree", fd);
  tree_walk(fd, &request, &findings);
  report(&findings);
  return fflush(stdout) == 0 ? 0 : 1;
}
