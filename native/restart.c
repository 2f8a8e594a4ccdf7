#include "restart.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "launch.h"

/* Whoever stops a container leaves this in its directory first; whoever starts it takes it away. */
#define STOPPED "stopped"
#define FIRST_DELAY_MS 100
#define MOST_DELAY_MS 60000
/* A payload that ran so long is no failure to start. */
#define SETTLED_S 10
#define STEP_MS 100

/* restart POLICY MOST */
int op_restart(struct stage_state *state, const struct op *op) {
  struct restart *restart = &state->launch->restart;
  restart->always = strcmp(op->arg[0].text, "always") == 0;
  restart->on_failure = strcmp(op->arg[0].text, "on-failure") == 0;
  restart->most = op->arg[1].number;
  return restart->always || restart->on_failure ? 0 : -EINVAL;
}

static bool is_stopped(const struct launch *launch) {
  struct stat stat;
  if (launch->hold_fd < 0 || fstat(launch->hold_fd, &stat) < 0 || stat.st_nlink == 0) return true;
  return fstatat(launch->hold_fd, STOPPED, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

void restart_begun(struct launch *launch) { (void)clock_gettime(CLOCK_MONOTONIC, &launch->restart.started); }

static void set_delay(struct restart *restart) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  const bool settled = now.tv_sec - restart->started.tv_sec >= SETTLED_S;
  if (settled || restart->delay_ms == 0) restart->delay_ms = FIRST_DELAY_MS;
  else if (restart->delay_ms < MOST_DELAY_MS / 2) restart->delay_ms *= 2;
  else restart->delay_ms = MOST_DELAY_MS;
}

void restart_decide(struct launch *launch, int code) {
  struct restart *restart = &launch->restart;
  const bool more = restart->most == 0 || restart->count < restart->most;
  const bool wanted = restart->always || (restart->on_failure && code != 0 && more);
  restart->due = wanted && is_supervised(launch) && !is_stopped(launch);
  if (restart->due) set_delay(restart);
}

bool restart_wait(struct launch *launch) {
  const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
  for (unsigned waited = 0; waited < launch->restart.delay_ms && !is_stopped(launch); waited += STEP_MS) {
    nanosleep(&step, NULL);
    /* As pid 1 of its namespace the monitor reaps every orphan. */
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
  if (is_stopped(launch)) return false;
  launch->restart.count++;
  return true;
}
