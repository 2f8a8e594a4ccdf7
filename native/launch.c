/* A launch as its caller sees it: streams are made, the monitor is started, and what it reports is kept. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "run-stage.h"
#include "run-values.h"
#include "session-client.h"
#include "streams.h"

void launch_init(struct launch *launch) {
  *launch = (struct launch){.outer_end = {-1, -1, -1},
                            .kept_end = {-1, -1, -1},
                            .payload_end = {-1, -1, -1},
                            .terminal_from = -1,
                            .terminal_to = -1,
                            .log = {.fd = -1},
                            .listen_fd = -1,
                            .client = {-1, -1},
                            .hold_fd = -1,
                            .control_outer = -1,
                            .control_container = -1,
                            .monitor_fd = -1,
                            .status = {-1, -1},
                            .ready = {-1, -1}};
}

int launch_read_mode(struct launch *launch) {
  static const char *const modes[] = {[MODE_RUN] = "run", [MODE_DETACHED] = "detached", [MODE_CREATE] = "create", [MODE_START] = "start"};
  const char *mode = values_get(&launch->plan.values, "mode");
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
    if (strcmp(mode ? mode : "run", modes[i]) != 0) continue;
    launch->mode = (enum launch_mode)i;
    return 0;
  }
  return -EINVAL;
}

/* Starts newuidmap(1) or newgidmap(1): they are root's word on which ids the user may map. */
static pid_t start_map_helper(const char *program, pid_t target, const char *map) {
  pid_t pid = fork();
  if (pid != 0) return pid < 0 ? -errno : pid;
  char *argv[3 * 340 + 3], words[4096], target_text[16], *rest = NULL;
  unsigned argc = 0;
  if (strlen(map) >= sizeof words) _exit(125);
  strcpy(words, map);
  snprintf(target_text, sizeof target_text, "%d", target);
  argv[argc++] = (char *)(uintptr_t)program;
  argv[argc++] = target_text;
  for (char *word = strtok_r(words, " ", &rest); word && argc < 3 * 340 + 2; word = strtok_r(NULL, " ", &rest))
    argv[argc++] = word;
  argv[argc] = NULL;
  execve(program, argv, (char *[]){NULL});
  _exit(127);
}

int write_id_maps(const char *const program[2], const char *const map[2], pid_t target, uint32_t *ret_detail) {
  pid_t helpers[2] = {start_map_helper(program[0], target, map[0]), start_map_helper(program[1], target, map[1])};
  int error = 0;
  for (int i = 0; i < 2; i++) {
    if (helpers[i] < 0) {
      error = helpers[i];
      continue;
    }
    int status = wait_for(helpers[i]);
    if (status == 0) continue;
    *ret_detail = (uint32_t)status;
    error = -EPERM;
  }
  return error;
}

static void close_monitor_ends(struct launch *launch) {
  close_fd(&launch->control_container);
  close_fd(&launch->status[1]);
  launch->control_container = launch->status[1] = -1;
  streams_close_others(launch);
}

/* Of a direct launch; in a session the user namespace is there, and for what joins a container its own. */
int op_session(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  if (launch->in_session) return 0;
  const bool joins = plan_joins(&launch->plan);
  int error = sync_make(&launch->mapped);
  if (error) return error;
  pid_t pid = fork_into(joins ? 0 : CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS);
  if (pid < 0) return pid;
  if (pid == 0) monitor_main(launch);
  launch->monitor_pid = pid;
  launch->monitor_fd = (int)syscall(SYS_pidfd_open, pid, 0);
  close_monitor_ends(launch);
  const char *const programs[2] = {op->arg[0].text, op->arg[2].text}, *const maps[2] = {op->arg[1].text, op->arg[3].text};
  if (!joins) error = write_id_maps(programs, maps, pid, &state->detail);
  if (!error) sync_release(&launch->mapped);
  return error;
}

static int make_channels(struct launch *launch) {
  int control[2], on = 1;
  if (pipe2(launch->status, O_CLOEXEC) < 0) return -errno;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) return -errno;
  launch->control_outer = control[0];
  launch->control_container = control[1];
  return setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ? -errno : 0;
}

static void close_channels(struct launch *launch) {
  for (int end = 0; end < 2; end++) close_fd(&launch->status[end]);
  close_fd(&launch->control_outer);
}

/* A container that is launched later: nothing of it needs the user's other ids. */
static int create(struct stage_state *state) {
  int error = run_stage(state, STAGE_CREATE);
  if (!error) status_write(STATUS_DONE, ROLE_OUTER, 0, 0, 0);
  else (void)run_stage(state, STAGE_DISCARD);
  return error ? 125 : 0;
}

void run_failed_stages(struct stage_state *state) {
  (void)run_stage(state, STAGE_FAILED);
  /* One that was there before stays as it was. */
  if (state->launch->mode != MODE_START) (void)run_stage(state, STAGE_DISCARD);
}

static int fail(const struct op *op, int error) {
  status_write(STATUS_FAIL, ROLE_OUTER, op ? op->index : 0, 0, -error);
  return 125;
}

/* Every stage up to the monitor's own; then its end, or what it goes on without us with. */
static int launch_directly(struct launch *launch) {
  static struct stage_state state;
  stage_state_init(&state, launch, ROLE_OUTER);
  int error = set_run_values(launch, NULL);
  if (error) return fail(NULL, error);
  if (launch->mode == MODE_CREATE) return create(&state);
  if (launch->mode != MODE_START) error = run_stage(&state, STAGE_CREATE);
  if (!error) error = run_stage(&state, STAGE_HOST);
  if (!error) return launch->monitor_pid > 0 ? relay_run(launch) : fail(NULL, -EINVAL);
  if (launch->monitor_pid > 0) kill(launch->monitor_pid, SIGKILL);
  run_failed_stages(&state);
  return 125;
}

int launch_run(struct launch *launch, enum launch_way way) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  umask(0);
  const struct op *stdio = plan_find_host(&launch->plan, OP_STDIO), *session = plan_find_host(&launch->plan, OP_SESSION);
  int error = launch_read_mode(launch);
  if (!error) error = streams_read_mode(launch);
  if (error) return fail(stdio, error);
  if (launch->mode == MODE_CREATE) return launch_directly(launch);
  error = streams_make(launch);
  if (!error) error = make_channels(launch);
  if (error) return fail(stdio, error);
  error = way == LAUNCH_DIRECT || !session ? -ENOENT : session_launch(launch, session->arg[1].text + 1, session->arg[3].text + 1);
  /* Whether it is taken is not known: it must not be launched twice. */
  if (error == -ETIMEDOUT) return fail(session, error);
  if (!error) {
    close_monitor_ends(launch);
    return relay_run(launch);
  }
  const char *scope_parent = values_get(&launch->plan.values, "scope-parent");
  if (way == LAUNCH_SESSION || (way == LAUNCH_ANY && scope_parent && *scope_parent)) return LAUNCH_UNDONE;
  if (launch->control_container < 0) {
    close_channels(launch);
    error = make_channels(launch);
    if (error) return fail(stdio, error);
  }
  return launch_directly(launch);
}
