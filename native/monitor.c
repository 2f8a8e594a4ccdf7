/* The monitor process: root over the user's ids in their user namespace. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cgroup-tree.h"
#include "run-stage.h"
#include "run-values.h"
#include "supervise.h"

int proc_pid(int pid_fd, pid_t *ret_pid) {
  char path[64], line[128];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pid_fd);
  FILE *file = fopen(path, "re");
  if (!file) return -errno;
  int error = -ESRCH;
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, "Pid:", 4) != 0) continue;
    *ret_pid = (pid_t)strtol(line + 4, NULL, 10);
    error = *ret_pid > 0 ? 0 : -ESRCH;
    break;
  }
  fclose(file);
  return error;
}

/* A child's map must follow the extents of its parent's and go in one write (user_namespaces(7)). */
static int write_map(pid_t pid, const char *file, const char *map) {
  char path[64], lines[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  if (strlen(map) >= sizeof lines) return -E2BIG;
  unsigned words = 0;
  char *to = lines;
  for (const char *from = map; *from; from++) *to++ = *from == ' ' && ++words % 3 == 0 ? '\n' : *from;
  *to = 0;
  return write_file(path, lines);
}

int op_container(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  struct sync_pipe mapped;
  int error = sync_make(&mapped);
  if (error) return error;
  autoclose int pid_fd = -1;
  long pid = syscall(SYS_clone,
                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD | SIGCHLD, 0,
                     &pid_fd, 0, 0);
  if (pid < 0) return -errno;
  if (pid == 0) container_main(launch, &mapped);
  state->container_pid = (pid_t)pid;
  error = proc_pid(pid_fd, &state->container_seen);
  if (!error) error = write_map(state->container_seen, "gid_map", op->arg[1].text);
  if (!error) error = write_map(state->container_seen, "uid_map", op->arg[0].text);
  if (!error) sync_release(&mapped);
  close_fd(&mapped.read_fd);
  close_fd(&mapped.write_fd);
  return error;
}

/* Only the container may hold the payload's ends, or its streams would never end. */
static void close_payload_ends(struct launch *launch) {
  int *const ends[] = {&launch->payload_end[0], &launch->payload_end[1], &launch->payload_end[2],
                       &launch->terminal_to, &launch->control_container, &launch->ready[1]};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    close_fd(ends[i]);
    *ends[i] = -1;
  }
}

/* True once the payload is executed: its side of the pipe ended after `R` and without the `F` of a failed exec. */
static bool wait_until_ready(const struct launch *launch) {
  char byte = 0, last = 0;
  ssize_t got;
  while ((got = read(launch->ready[0], &byte, 1)) > 0 || (got < 0 && errno == EINTR))
    if (got > 0) last = byte;
  return last == 'R';
}

/* As pid 1 of its namespace the monitor reaps every orphan; the container's status is the one that counts. */
static int wait_for_container(pid_t container) {
  for (;;) {
    int status = 0;
    pid_t pid = wait(&status);
    if (pid == container) return status;
    if (pid < 0 && errno != EINTR) return 0;
  }
}

static int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static void record_start(struct stage_state *state) {
  struct values *values = &state->launch->plan.values;
  char start_time[32];
  if (read_start_time(state->container_seen, start_time)) return;
  if (values_set_number(values, "pid", (unsigned long long)state->container_seen)) return;
  if (values_set(values, "start-time", start_time)) return;
  if (values_set_number(values, "restarts", state->launch->restart.count)) return;
  (void)run_stage(state, STAGE_STARTED);
  const char *now = values_get(values, "now");
  if (now) (void)values_set(values, "started-at", now);
}

/* Whoever launched a container that lives without him, and is not attached to it, has all he wanted. */
static void let_go(struct launch *launch) {
  if (!is_supervised(launch) || launch->client[1] >= 0) return;
  status_write(STATUS_DONE, ROLE_SESSION, 0, 0, 0);
  status_to(-1);
  close_fd(&launch->status[1]);
  launch->status[1] = -1;
}

/* Which of its limits it ran into, by the kernel's word. */
static int record_reached(struct values *values) {
  /* A payload that was started again is in the cgroup of the one before. */
  static unsigned long killed_before, refused_before;
  const char *cgroup = values_get(values, "cgroup");
  const unsigned long killed = cgroup_count(cgroup, "memory.events", "oom_kill");
  const unsigned long refused = cgroup_count(cgroup, "pids.events", "max");
  int error = values_set(values, "oom-killed", killed > killed_before ? "true" : "false");
  if (!error) error = values_set_number(values, "pids-refused", refused - refused_before);
  killed_before = killed;
  refused_before = refused;
  return error;
}

/* From the container's start to its end; exit status. */
static int watch_container(struct stage_state *state) {
  struct values *values = &state->launch->plan.values;
  state->launch->restart.due = false;
  if (!wait_until_ready(state->launch)) {
    kill(state->container_pid, SIGKILL);
    int status = wait_for_container(state->container_pid);
    status_write(STATUS_EXIT, ROLE_SESSION, 0, (uint32_t)status, 0);
    (void)run_stage(state, STAGE_CLEANUP);
    run_failed_stages(state);
    return 125;
  }
  restart_begun(state->launch);
  record_start(state);
  let_go(state->launch);
  int status = is_supervised(state->launch) ? supervise(state->launch, state->container_pid)
                                            : wait_for_container(state->container_pid);
  int code = exit_code(status);
  status_write(STATUS_EXIT, ROLE_SESSION, 0, (uint32_t)status, 0);
  (void)run_stage(state, STAGE_CLEANUP);
  restart_decide(state->launch, code);
  if (!record_reached(values) && !values_set_number(values, "exit-code", (unsigned)code) &&
      !values_set(values, "outcome", code == 0 ? "success" : "failure"))
    (void)run_stage(state, STAGE_EXITED);
  return code;
}

static int run_set_up(struct stage_state *state) {
  struct launch *launch = state->launch;
  if (pipe2(launch->ready, O_CLOEXEC) < 0) return -errno;
  int error = 0;
  if (launch->in_session && launch->mode != MODE_START) error = run_stage(state, STAGE_CREATE);
  if (launch->in_session && !error) error = run_stage(state, STAGE_HOST);
  return error ? error : run_stage(state, STAGE_SESSION);
}

/* Nothing of a caller that will be gone: who waits for the end of his output must not wait for ours. */
static void leave_caller(void) {
  int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null_fd, fd) < 0) close(fd);
  close(STATUS_FD);
  if (chdir("/") < 0) _exit(125);
}

/* Everything that the first payload had and the next one gets anew; network, cgroup and books are the container's. */
static int start_again(struct stage_state *state) {
  struct launch *launch = state->launch;
  supervise_leave(launch);
  close_fd(&launch->ready[0]);
  close_fd(&state->root_fd);
  state->root_fd = -1;
  state->container_pid = 0;
  launch->mode = MODE_START;
  launch->has_network = true;
  int error = pipe2(launch->ready, O_CLOEXEC) < 0 ? -errno : run_host_op(state, OP_SUPERVISE);
  if (!error) error = run_host_op(state, OP_STDIO);
  prctl(PR_SET_DUMPABLE, 1);
  if (!error) error = run_stage(state, STAGE_SESSION);
  close_payload_ends(launch);
  prctl(PR_SET_DUMPABLE, 0);
  return error;
}

/* After a payload that another one is to follow; exit status of the last. */
static int restart(struct stage_state *state, int code) {
  struct launch *launch = state->launch;
  /* Whoever was attached has seen the end of what he was attached to. */
  status_to(-1);
  close_fd(&launch->status[1]);
  launch->status[1] = -1;
  if (restart_wait(launch)) {
    if (!start_again(state)) return watch_container(state);
    if (state->container_pid > 0) {
      kill(state->container_pid, SIGKILL);
      (void)wait_for_container(state->container_pid);
    }
    (void)run_stage(state, STAGE_CLEANUP);
  }
  launch->restart.due = false;
  (void)run_stage(state, STAGE_FAILED);
  return code;
}

void monitor_main(struct launch *launch) {
  static struct stage_state state;
  stage_state_init(&state, launch, ROLE_SESSION);
  prctl(PR_SET_NAME, "iso-monitor");
  /* The modes of what ops make are the plan's. */
  umask(0);
  status_to(launch->status[1]);
  close_fd(&launch->control_outer);
  close_fd(&launch->status[0]);
  close_fd(&launch->client[0]);
  launch->control_outer = launch->client[0] = -1;
  for (int stream = 0; stream < 3; stream++) {
    close_fd(&launch->outer_end[stream]);
    launch->outer_end[stream] = -1;
  }
  if (!launch->in_session) {
    if (is_supervised(launch)) leave_caller();
    else prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sync_wait(&launch->mapped)) _exit(125);
  }
  /* Out of the caller's terminal session: its signals go to the outer process alone, which passes them on. */
  setsid();
  /* The map of a child whose memory nobody may look into cannot be written. */
  prctl(PR_SET_DUMPABLE, 1);
  int error = run_set_up(&state);
  close_payload_ends(launch);
  /* From here on no process of a container may look into this one. */
  prctl(PR_SET_DUMPABLE, 0);
  if (!error && state.container_pid > 0) {
    int code = watch_container(&state);
    while (launch->restart.due) code = restart(&state, code);
    /* All is done: the caller need not wait for the kernel to take this process and its mounts apart. */
    close_fd(&launch->status[1]);
    _exit(code);
  }
  if (state.container_pid > 0) {
    kill(state.container_pid, SIGKILL);
    (void)wait_for_container(state.container_pid);
  }
  (void)run_stage(&state, STAGE_CLEANUP);
  run_failed_stages(&state);
  _exit(125);
}
