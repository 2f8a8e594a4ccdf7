/*
 * iso-home: works inside the homes of many users, one process a user, so that nothing in a home can turn root against
 * the host, and no home that does not answer holds up the others.
 *
 *   caller (root, or the user)                       iso-home [SECONDS]
 *     fd 3  frame*: u32 length, job            --->    forks a child a job, which becomes the user (home.c)
 *     fd 4  frame*: u32 number of the job from 0,      as children end, in any order
 *           u32 length, report                 <---
 *
 * This process keeps the caller's rights and therefore looks into nothing: jobs and reports pass it as bytes.
 */
#include "home.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_FD = 3, REPORT_FD = 4, MAX_CHILDREN = 16, DEFAULT_SECONDS = 60 };

struct child {
  pid_t pid; /* 0: free */
  int pid_fd;
  int report_fd;
  uint32_t number;
  int64_t deadline_ms;
};

static struct child children[MAX_CHILDREN];
static unsigned running;

static int64_t now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put_u32(unsigned char *at, uint32_t number) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t get_u32(const unsigned char *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* 1 when all was read, 0 at the end of the input, -errno. */
static int read_whole(unsigned char *bytes, size_t size) {
  for (size_t used = 0; used < size;) {
    ssize_t got = read(REQUEST_FD, bytes + used, size - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) return used == 0 ? 0 : -EBADMSG;
    used += (size_t)got;
  }
  return 1;
}

static int write_whole(const unsigned char *bytes, size_t size) {
  for (size_t used = 0; used < size;) {
    ssize_t put = write(REPORT_FD, bytes + used, size - used);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return -errno;
    used += (size_t)put;
  }
  return 0;
}

/* A report of this process about a child: "fatal" STAGE NUMBER, as tokens. */
static int report_fatal(uint32_t number, const char *stage, const char *detail) {
  unsigned char frame[128];
  const char *tokens[] = {"fatal", stage, detail};
  size_t used = 8;
  for (size_t i = 0; i < 3; i++) {
    size_t length = strlen(tokens[i]);
    put_u32(frame + used, (uint32_t)length);
    memcpy(frame + used + 4, tokens[i], length + 1);
    used += 5 + length;
  }
  put_u32(frame, number);
  put_u32(frame + 4, (uint32_t)(used - 8));
  return write_whole(frame, used);
}

static int forward(const struct child *child) {
  unsigned char head[8];
  struct stat stat;
  off_t at = 0;
  if (fstat(child->report_fd, &stat) < 0) return -errno;
  put_u32(head, child->number);
  put_u32(head + 4, (uint32_t)stat.st_size);
  int error = write_whole(head, sizeof head);
  while (!error && at < stat.st_size) {
    ssize_t sent = sendfile(REPORT_FD, child->report_fd, &at, (size_t)(stat.st_size - at));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) error = sent < 0 ? -errno : -EIO;
  }
  return error;
}

/* What was said by a child that ended by itself counts, and nothing that another one said. */
static int finish(struct child *child, const char *why, const char *detail) {
  int error = why ? report_fatal(child->number, why, detail) : forward(child);
  (void)close(child->pid_fd);
  (void)close(child->report_fd);
  child->pid = 0;
  running--;
  return error;
}

static int reap(struct child *child) {
  int status = 0;
  if (waitpid(child->pid, &status, 0) < 0) return -errno;
  if (WIFSIGNALED(status)) return finish(child, "signal", strsignal(WTERMSIG(status)));
  return finish(child, NULL, NULL);
}

/* One that a dead mount holds may not even die: it is waited for no longer. */
static int expire(struct child *child) {
  (void)kill(child->pid, SIGKILL);
  return finish(child, "time", "no answer");
}

static _Noreturn void act(const unsigned char *bytes, size_t size, int report_fd, pid_t parent) {
  struct rlimit limit = {HOME_MAX_REPORT, HOME_MAX_REPORT};
  if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || dup2(report_fd, REPORT_FD) < 0) _exit(1);
  (void)close(REQUEST_FD);
  (void)syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0);
  _exit(home_act(bytes, size, REPORT_FD, parent));
}

static int start(const unsigned char *bytes, size_t size, uint32_t number, int64_t time_ms) {
  struct child *child = children;
  while (child->pid) child++;
  pid_t self = getpid();
  int report_fd = memfd_create("report", MFD_CLOEXEC);
  if (report_fd < 0) return report_fatal(number, "start", "no memory for the report");
  pid_t pid = fork();
  if (pid == 0) act(bytes, size, report_fd, self);
  int pid_fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
  if (pid_fd < 0) {
    if (pid > 0) (void)kill(pid, SIGKILL);
    (void)close(report_fd);
    return report_fatal(number, "start", "no process for the user");
  }
  *child = (struct child){pid, pid_fd, report_fd, number, now_ms() + time_ms};
  running++;
  return 0;
}

/* Waits for a child, or with `reads` for a job. Ended children are reported. 1 when there may be a job to read. */
static int wait_any(int reads) {
  struct pollfd polled[MAX_CHILDREN + 1] = {{.fd = reads ? REQUEST_FD : -1, .events = POLLIN}};
  int64_t next = INT64_MAX, now = now_ms();
  for (unsigned i = 0; i < MAX_CHILDREN; i++) {
    polled[i + 1] = (struct pollfd){.fd = children[i].pid ? children[i].pid_fd : -1, .events = POLLIN};
    if (children[i].pid && children[i].deadline_ms < next) next = children[i].deadline_ms;
  }
  int wait = next == INT64_MAX ? -1 : next > now ? (int)(next - now) : 0;
  if (poll(polled, MAX_CHILDREN + 1, wait) < 0 && errno != EINTR) return -errno;
  now = now_ms();
  int error = 0;
  for (unsigned i = 0; i < MAX_CHILDREN && !error; i++) {
    if (!children[i].pid) continue;
    if (polled[i + 1].revents) error = reap(&children[i]);
    else if (children[i].deadline_ms <= now) error = expire(&children[i]);
  }
  return error ? error : polled[0].revents != 0;
}

static int serve(int64_t time_ms) {
  unsigned char *bytes = malloc(HOME_MAX_REQUEST), head[4];
  uint32_t number = 0;
  int open = 1, error = bytes ? 0 : -ENOMEM;
  while (!error && (open || running)) {
    int ready = wait_any(open && running < MAX_CHILDREN);
    if (ready <= 0) {
      error = ready;
      continue;
    }
    int got = read_whole(head, sizeof head);
    uint32_t size = got > 0 ? get_u32(head) : 0;
    if (got > 0) got = size == 0 || size > HOME_MAX_REQUEST ? -EBADMSG : read_whole(bytes, size);
    if (got > 0) error = start(bytes, size, number++, time_ms);
    else if (got == 0 && size == 0) open = 0;
    else error = got ? got : -EBADMSG;
  }
  free(bytes);
  return error;
}

int main(int argc, char **argv) {
  uint64_t seconds = DEFAULT_SECONDS;
  if (argc > 2 || (argc == 2 && (wire_number(argv[1], &seconds) < 0 || seconds == 0 || seconds > 3600))) return 2;
  (void)syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0);
  (void)signal(SIGPIPE, SIG_IGN);
  /* Nobody but root looks into what passes, and nothing outlives a caller who was killed. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return 1;
  return serve((int64_t)seconds * 1000) == 0 ? 0 : 1;
}
