/* What a caller says to the session, as a fuzz target. An input is the number of descriptors that go with the message, how much
 * of the message is cut off, the message, and the plan that the first descriptor holds. It proves that nothing which a process of
 * the user sends makes the session's processes read or write out of their bounds. */
#define main session_main
#include "../iso-session.c"
#undef main

#include <sys/mman.h>

#include "../send-fds.h"

#define MOST_FDS SEND_MAX_FDS

static int plan_fd(const unsigned char *bytes, size_t size) {
  int fd = memfd_create("plan", MFD_CLOEXEC);
  if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
  return fd;
}

/* Sends a message and the descriptors, the first of which holds the plan. */
static void call(int caller_fd, unsigned count, const unsigned char *message, size_t length, int plan) {
  int fds[MOST_FDS] = {plan};
  for (unsigned i = 1; i < count; i++) fds[i] = plan;
  (void)send_fds(caller_fd, message, length, fds, count);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  static struct launch launch;
  const struct session session = {.cgroup = "/sys/fs/cgroup/session", .maps = {"0 1000 1", "0 1000 1"}};
  struct request request = {0};
  int pair[2];
  if (size < 2) return 0;
  const size_t rest = size - 2, whole = sizeof request.words < rest ? sizeof request.words : rest;
  const size_t length = bytes[1] < whole ? whole - bytes[1] : whole;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) abort();
  int plan = plan_fd(bytes + 2 + whole, rest - whole);
  call(pair[0], bytes[0] % (MOST_FDS + 1), bytes + 2, length, plan);
  close(pair[0]);
  launch_init(&launch);
  request.peer_fd = pair[1];
  (void)read_request(&session, &launch, &request);
  plan_free(&launch.plan);
  /* What came with the message as well: the descriptors of a request that is refused are closed by the end of its process. */
  if (syscall(SYS_close_range, pair[0], ~0u, 0) < 0) abort();
  return 0;
}
