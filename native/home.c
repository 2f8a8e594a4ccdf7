/*
 * One job of iso-home: root's work inside one user's home, done by a process that has become that user. The job is
 *
 *   "iso-home-2" uid gid N gid*N root home op*      decoded whole, or refused before the first system call
 *
 * and its report: the home's place below `root`, which is found before this process becomes the user (without ops nothing
 * more is done); per op errno component type mode uid gid links size project label content device; last "end". Or "fatal"
 * STAGE errno, and for the stage "way" the part of it that is at fault, its owner and mode. An op is its name, a path below the home ("" is the home), and as its row in home-ops.c says a
 * number and content. Paths are walked with openat2(2); no link is followed and no mount crossed. No policy lives here.
 */
#include "home.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_REQUESTS = 4096 };

struct job {
  uid_t uid;
  gid_t gid;
  size_t group_count;
  gid_t *groups;
  const char *root;
  const char *home;
  size_t request_count;
  struct request requests[MAX_REQUESTS];
};

/* Written out when it is full and at the end. */
static struct {
  int fd;
  int error;
  size_t used;
  unsigned char bytes[1 << 16];
} report;

static void flush(void) {
  for (size_t done = 0; done < report.used && !report.error;) {
    ssize_t put = write(report.fd, report.bytes + done, report.used - done);
    if (put >= 0) done += (size_t)put;
    else if (errno != EINTR) report.error = -errno;
  }
  report.used = 0;
}

static void add(const void *bytes, size_t size) {
  for (const unsigned char *at = bytes; size > 0;) {
    size_t room = sizeof report.bytes - report.used, part = size < room ? size : room;
    memcpy(report.bytes + report.used, at, part);
    report.used += part;
    at += part;
    size -= part;
    if (report.used == sizeof report.bytes) flush();
  }
}

static void put(const void *bytes, size_t size) {
  unsigned char length[4] = {(unsigned char)size, (unsigned char)(size >> 8), (unsigned char)(size >> 16),
                             (unsigned char)(size >> 24)};
  add(length, sizeof length);
  add(bytes, size);
  add("", 1);
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void put_number(uint64_t number) {
  char text[20], *at = text + sizeof text;
  do *--at = (char)('0' + number % 10);
  while (number /= 10);
  put(at, (size_t)(text + sizeof text - at));
}

static int fatal(const char *stage, int error) {
  put_text("fatal");
  put_text(stage);
  put_number((uint64_t)-error);
  flush();
  return 1;
}

static int fatal_way(const struct way *way, int error) {
  put_text("fatal");
  put_text("way");
  put_number((uint64_t)-error);
  put_text(way->path);
  put_number(way->stat.st_uid);
  put_number(way->stat.st_mode & 07777);
  flush();
  return 1;
}

static void put_outcome(const struct outcome *outcome) {
  const char type[2] = {outcome->type ? outcome->type : '?', 0};
  put_number((uint64_t)-outcome->error);
  put_number(outcome->error ? outcome->component : 0);
  put_text(type);
  put_number(outcome->stat.st_mode & 07777);
  put_number(outcome->stat.st_uid);
  put_number(outcome->stat.st_gid);
  put_number(outcome->stat.st_nlink);
  put_number((uint64_t)outcome->stat.st_size);
  put_number(outcome->project);
  put_text(outcome->label);
  put(outcome->content ? outcome->content : "", outcome->error ? 0 : outcome->content_size);
  put_number(outcome->stat.st_dev);
}

static int next_number(struct wire *wire, uint64_t max, uint64_t *ret) {
  const char *text = NULL;
  int error = wire_text(wire, &text);
  if (!error) error = wire_number(text, ret);
  return error ? error : *ret > max ? -ERANGE : 0;
}

static int decode_identity(struct wire *wire, struct job *job) {
  const char *version = NULL;
  uint64_t uid = 0, gid = 0, count = 0, group = 0;
  if (wire_text(wire, &version) || strcmp(version, "iso-home-2") != 0) return -EPROTO;
  /* Ids 0 and -1 never: the first is what this program exists to leave, the second means "unchanged". */
  if (next_number(wire, UINT32_MAX - 1, &uid) || uid == 0) return -EBADMSG;
  if (next_number(wire, UINT32_MAX - 1, &gid)) return -EBADMSG;
  if (next_number(wire, HOME_MAX_GROUPS, &count)) return -EBADMSG;
  job->groups = calloc(count + 1, sizeof *job->groups);
  if (!job->groups) return -ENOMEM;
  for (uint64_t i = 0; i < count; i++) {
    if (next_number(wire, UINT32_MAX - 1, &group)) return -EBADMSG;
    job->groups[i] = (gid_t)group;
  }
  job->uid = (uid_t)uid;
  job->gid = (gid_t)gid;
  job->group_count = count;
  if (wire_text(wire, &job->root) || job->root[0] != '/') return -EBADMSG;
  if (wire_text(wire, &job->home) || job->home[0] != '/') return -EBADMSG;
  return 0;
}

static int decode_request(struct wire *wire, struct request *request) {
  const char *name = NULL;
  if (wire_text(wire, &name)) return -EBADMSG;
  request->op = op_find(name);
  if (!request->op) return -ENOSYS;
  if (wire_text(wire, &request->path) || !path_is_plain(request->path)) return -EBADMSG;
  if (!*request->path && request->op->changes) return -EBADMSG;
  if (request->op->has_number && next_number(wire, UINT32_MAX, &request->number)) return -EBADMSG;
  if (!request->op->has_content) return 0;
  int error = wire_next(wire, &request->content, &request->content_size);
  return error ? error : request->content_size > HOME_MAX_CONTENT ? -EFBIG : 0;
}

static int decode(struct wire *wire, struct job *job) {
  int error = decode_identity(wire, job);
  while (!error && wire->at < wire->size) {
    if (job->request_count == MAX_REQUESTS) return -E2BIG;
    error = decode_request(wire, &job->requests[job->request_count++]);
  }
  return error;
}

/* Groups, group id, user id, in this order: each needs the right that the next one gives up. */
static int become_user(const struct job *job) {
  uid_t real = 0, effective = 0, saved = 0;
  gid_t real_gid = 0, effective_gid = 0, saved_gid = 0;
  if (getuid() != job->uid || geteuid() != job->uid) {
    if (setgroups(job->group_count, job->groups) < 0) return -errno;
    if (setresgid(job->gid, job->gid, job->gid) < 0) return -errno;
    if (setresuid(job->uid, job->uid, job->uid) < 0) return -errno;
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0) return -EPERM;
  }
  if (getresuid(&real, &effective, &saved) < 0 || getresgid(&real_gid, &effective_gid, &saved_gid) < 0) return -errno;
  if (real != job->uid || effective != job->uid || saved != job->uid) return -EPERM;
  if (real_gid != job->gid || effective_gid != job->gid || saved_gid != job->gid) return -EPERM;
  /* The user could otherwise trace this process and answer root in its place. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  (void)umask(077);
  return 0;
}

/* As the user, who must be able to reach it. */
static int open_home(const char *root, const char *way, struct home *ret) {
  char path[2 * HOME_MAX_WAY];
  int length = snprintf(path, sizeof path, "%s%s", strcmp(root, "/") == 0 ? "" : root, way);
  if (length < 0 || (size_t)length >= sizeof path) return -ENAMETOOLONG;
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  struct stat stat;
  long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (fd < 0) return -errno;
  if (fstat((int)fd, &stat) < 0) return -errno;
  ret->fd = (int)fd;
  return stat.st_uid == ret->uid ? 0 : -EPERM;
}

/* After the first change that failed no later one is tried; looking goes on. */
static void act_all(const struct home *home, const struct job *job) {
  int stopped = 0;
  for (size_t i = 0; i < job->request_count; i++) {
    const struct request *request = &job->requests[i];
    struct outcome outcome = {.type = '?'};
    if (request->op->changes) path_forget(home);
    outcome.error = stopped && request->op->changes ? -ECANCELED : request->op->act(home, request, &outcome);
    if (outcome.error && request->op->changes) stopped = 1;
    put_outcome(&outcome);
  }
}

/* A process that nobody waits for any more must not go on changing things. */
static int die_with_parent(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return -errno;
  return getppid() == parent ? 0 : -ECHILD;
}

static int act_in(const struct job *job, const struct way *way, pid_t parent) {
  /* Root keeps a journal and has file systems synced for many homes at once; nobody does that for a user alone. */
  struct walked last = {.fd = -1};
  struct home home = {.fd = -1, .uid = job->uid, .last = &last, .syncs_files = geteuid() != 0};
  int error = become_user(job);
  /* Again, since the change of ids cleared it. */
  if (!error) error = die_with_parent(parent);
  if (error) return fatal("become", error);
  error = open_home(job->root, way->path, &home);
  if (error) return fatal("home", error);
  put_text(way->path);
  act_all(&home, job);
  return 0;
}

int home_act(const unsigned char *bytes, size_t size, int report_fd, pid_t parent) {
  static struct job job;
  static struct way way;
  struct wire wire = {.bytes = bytes, .size = size};
  report.fd = report_fd;
  int error = decode(&wire, &job);
  if (error) return fatal("decode", error);
  error = die_with_parent(parent);
  if (error) return fatal("become", error);
  error = way_walk(job.root, job.home, &way);
  if (error) return fatal_way(&way, error);
  if (job.request_count == 0) put_text(way.path);
  else if (act_in(&job, &way, parent)) return 1;
  put_text("end");
  flush();
  return report.error ? 1 : 0;
}
