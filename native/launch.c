/* iso-launch: carries out a compiled launch plan (descriptor 3) and reports on descriptor 4. It knows no policy, no
 * defaults and no formats. */
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
#include <sys/wait.h>

#include "ops/label.h"
#include "wire.h"

static op_function *const op_functions[OP_COUNT] = {
    [OP_CGROUP_MAKE] = op_cgroup_make,
    [OP_CGROUP_WRITE] = op_cgroup_write,
    [OP_STDIO] = op_stdio,
    [OP_SESSION] = op_session,
    [OP_NAMESPACE] = op_namespace,
    [OP_PROPAGATION] = op_propagation,
    [OP_LOOPBACK] = op_loopback,
    [OP_SYSCTL] = op_sysctl,
    [OP_OVERLAY] = op_overlay,
    [OP_FUSE_OVERLAYFS] = op_fuse_overlayfs,
    [OP_ROOT] = op_root,
    [OP_TMPFS_ROOT] = op_tmpfs_root,
    [OP_MOUNT] = op_mount,
    [OP_CONTAINER] = op_container,
    [OP_UNMOUNT] = op_unmount,
    [OP_REMOVE] = op_remove,
    [OP_HOSTNAME] = op_hostname,
    [OP_MKDIR] = op_mkdir,
    [OP_TOUCH] = op_touch,
    [OP_SYMLINK] = op_symlink,
    [OP_BIND] = op_bind,
    [OP_DEVICE] = op_device,
    [OP_MASK] = op_mask,
    [OP_READONLY] = op_readonly,
    [OP_TERMINAL] = op_terminal,
    [OP_PIVOT] = op_pivot,
    [OP_RLIMIT] = op_rlimit,
    [OP_CAP_BOUND] = op_cap_bound,
    [OP_GROUPS] = op_groups,
    [OP_IDS] = op_ids,
    [OP_CAPS] = op_caps,
    [OP_CHDIR] = op_chdir,
    [OP_LABEL] = op_label,
    [OP_LABEL_FILE] = op_label_file,
    [OP_RELABEL] = op_relabel,
    [OP_NO_NEW_PRIVS] = op_no_new_privs,
    [OP_SECCOMP] = op_seccomp,
    [OP_ARG] = op_arg,
    [OP_ENV] = op_env,
    [OP_EXEC] = op_exec,
};

int run_stage(struct stage_state *state, enum stage stage) {
  const struct plan *plan = &state->launch->plan;
  for (unsigned i = 0; i < plan->count[stage]; i++) {
    const struct op *op = &plan->stage[stage][i];
    state->detail = 0;
    int error = op_functions[op->kind](state, op);
    if (error) {
      status_write(STATUS_FAIL, state->role, op->index, state->detail, -error);
      return error;
    }
  }
  return 0;
}

/* Under SELinux a descriptor that the payload may not use becomes its null device at exec, and output is lost in silence. */
static int label_pipes(struct launch *launch, const char *context) {
  int error = 0;
  for (int stream = 0; *context && stream < 3 && !error; stream++)
    if (launch->pipe[stream][1] >= 0) error = label_file(launch->pipe[stream][1], context);
  return error;
}

int op_stdio(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  const char *mode = op->arg[0].text;
  launch->terminal = strncmp(mode, "terminal", 8) == 0;
  launch->relay_stdin = strcmp(mode, "pipe") == 0 || strcmp(mode, "terminal") == 0;
  if (launch->terminal) return strcmp(mode, "terminal") && strcmp(mode, "terminal-null") ? -EINVAL : 0;
  if (!launch->relay_stdin && strcmp(mode, "null") != 0) return -EINVAL;
  for (int stream = launch->relay_stdin ? 0 : 1; stream < 3; stream++)
    if (pipe2(launch->pipe[stream], O_CLOEXEC) < 0) return -errno;
  return label_pipes(launch, op->arg[1].text);
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

static int write_session_maps(struct stage_state *state, const struct op *op, pid_t session) {
  pid_t helpers[2] = {start_map_helper(op->arg[0].text, session, op->arg[1].text),
                      start_map_helper(op->arg[2].text, session, op->arg[3].text)};
  int error = 0;
  for (int i = 0; i < 2; i++) {
    if (helpers[i] < 0) {
      error = helpers[i];
      continue;
    }
    int status = wait_for(helpers[i]);
    if (status == 0) continue;
    state->detail = (uint32_t)status;
    error = -EPERM;
  }
  return error;
}

int op_session(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  int error = sync_make(&launch->mapped);
  if (error) return error;
  int control[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) return -errno;
  launch->control_outer = control[0];
  launch->control_container = control[1];
  int on = 1;
  if (setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return -errno;
  pid_t pid = fork_into(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS);
  if (pid < 0) return pid;
  if (pid == 0) session_main(launch);
  launch->session_pid = pid;
  close_fd(&launch->control_container);
  close_fd(&launch->pipe[0][0]);
  close_fd(&launch->pipe[1][1]);
  close_fd(&launch->pipe[2][1]);
  error = write_session_maps(state, op, pid);
  if (!error) sync_release(&launch->mapped);
  return error;
}

static int print_ops(void) {
  for (int kind = 0; kind < OP_COUNT; kind++) {
    printf("%s %s", op_table[kind].name, op_table[kind].args[0] ? op_table[kind].args : "-");
    for (int stage = 0; stage < STAGE_COUNT; stage++)
      if (op_table[kind].stages & 1u << stage) printf(" %s", stage_names[stage]);
    printf("\n");
  }
  return 0;
}

static int refuse(unsigned index, int error) {
  status_write(STATUS_FAIL, ROLE_OUTER, index, 0, -error);
  return 125;
}

int main(int argc, char **argv) {
  static struct launch launch = {.pipe = {{-1, -1}, {-1, -1}, {-1, -1}}, .control_outer = -1, .control_container = -1};
  if (argc == 2 && strcmp(argv[1], "--ops") == 0) return print_ops();
  if (argc != 1 || fcntl(PLAN_FD, F_GETFD) < 0 || fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC) < 0) {
    fprintf(stderr, "iso-launch: started by iso-run with a plan on descriptor 3 and a report on 4; not for people\n");
    return 125;
  }
  /* Nothing that the caller left open goes further than this. */
  if (syscall(SYS_close_range, STATUS_FD + 1, ~0u, 0) < 0) return refuse(0, -errno);
  prctl(PR_SET_NAME, "iso-outer");
  /* The modes of what ops make are the plan's. */
  umask(0);
  unsigned char *bytes = NULL;
  size_t size = 0;
  unsigned at = 0;
  int error = wire_read(PLAN_FD, WIRE_MAX_BYTES, &bytes, &size);
  close(PLAN_FD);
  if (!error) error = plan_decode(bytes, size, &launch.plan, &at);
  if (error) return refuse(at, error);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  static struct stage_state state = {.launch = &launch, .role = ROLE_OUTER, .root_fd = -1};
  error = run_stage(&state, STAGE_HOST);
  if (error) {
    if (launch.session_pid > 0) kill(launch.session_pid, SIGKILL);
    return 125;
  }
  return launch.session_pid > 0 ? relay_run(&launch) : refuse(0, -EINVAL);
}
