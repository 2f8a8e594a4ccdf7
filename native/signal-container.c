#include "signal-container.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "held.h"
#include "sync.h"
#include "wire.h"

#define MAX_WAIT_MS 86400000u
/* What a killed container may take: its processes' memory is given back, and its monitor reaps them. */
#define KILL_WAIT_MS 10000

/* A pidfd reads as ready once its process has ended. */
static int wait_for_end(int pid_fd, uint64_t milliseconds) {
  struct timespec now, until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(milliseconds / 1000);
  until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  for (;;) {
    struct pollfd ended = {.fd = pid_fd, .events = POLLIN};
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = (until.tv_sec - now.tv_sec) * 1000 + (until.tv_nsec - now.tv_nsec) / 1000000;
    int ready = poll(&ended, 1, left > 0 ? (int)left : 0);
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return -errno;
    if (ready == 0 && left <= 0) return -ETIMEDOUT;
  }
}

static int send_signal(int pid_fd, int signo) {
  return syscall(SYS_pidfd_send_signal, pid_fd, signo, NULL, 0) < 0 ? -errno : 0;
}

static int end_container(int pid_fd, uint64_t milliseconds) {
  int error = wait_for_end(pid_fd, milliseconds);
  if (error != -ETIMEDOUT) return error;
  error = send_signal(pid_fd, SIGKILL);
  if (error) return error == -ESRCH ? 0 : error;
  error = wait_for_end(pid_fd, KILL_WAIT_MS);
  return error ? error : -ETIME;
}

int signal_container(int argc, char **argv) {
  uint64_t signo = 0, milliseconds = 0;
  autoclose int pid_fd = -1;
  if (argc < 3 || argc > 4 || wire_number(argv[2], &signo) || signo >= NSIG) return EINVAL;
  if (argc == 4 && (wire_number(argv[3], &milliseconds) || milliseconds > MAX_WAIT_MS)) return EINVAL;
  int error = hold_container(argv[0], argv[1], &pid_fd);
  if (!error) error = send_signal(pid_fd, (int)signo);
  if (!error && argc == 4) error = end_container(pid_fd, milliseconds);
  return -error;
}
