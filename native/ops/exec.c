/* Ops that become the payload: arguments, environment, working directory, execve. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../launch.h"

int op_arg(struct stage_state *state, const struct op *op) {
  if (state->argc == LAUNCH_MAX_STRINGS) return -E2BIG;
  state->argv[state->argc++] = op->arg[0].text;
  return 0;
}

int op_args(struct stage_state *state, const struct op *op) {
  const struct values *values = &state->launch->plan.values;
  (void)op;
  for (unsigned i = 0; i < values->count; i++) {
    if (strcmp(values->list[i].name, VALUE_COMMAND) != 0) continue;
    if (state->argc == LAUNCH_MAX_STRINGS) return -E2BIG;
    state->argv[state->argc++] = values->list[i].text;
  }
  return 0;
}

int op_env(struct stage_state *state, const struct op *op) {
  if (state->envc == LAUNCH_MAX_STRINGS || !strchr(op->arg[0].text, '=')) return -EINVAL;
  state->envp[state->envc++] = op->arg[0].text;
  return 0;
}

int op_chdir(struct stage_state *state, const struct op *op) {
  char where[PATH_MAX];
  (void)state;
  if (chdir(op->arg[0].text) < 0) return -errno;
  /* A path through a leaked descriptor could lead outside; getcwd then has no absolute answer (getcwd(3)). */
  if (!getcwd(where, sizeof where)) return -errno;
  return where[0] == '/' ? 0 : -EXDEV;
}

/* Default dispositions and an empty mask: what Node or a shell ignored must not reach the payload. */
static void reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &action, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Tries each directory of a colon-separated path as execvp(3) does; EACCES is kept over ENOENT. */
static int exec_search(struct stage_state *state, const char *directories) {
  char path[PATH_MAX];
  int error = -ENOENT;
  for (const char *from = directories; *from;) {
    size_t length = strcspn(from, ":");
    int put = snprintf(path, sizeof path, "%.*s/%s", (int)length, from, state->argv[0]);
    if (length > 0 && put > 0 && (size_t)put < sizeof path) {
      execve(path, (char *const *)state->argv, (char *const *)state->envp);
      if (errno != ENOENT && errno != ENOTDIR) error = -errno;
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return error;
    }
    from += length + (from[length] == ':');
  }
  return error;
}

/* program PATH: a program of the host, opened before the container is joined, in which it has no name. Nobody in there can
 * write to it by /proc/self/exe: it is root's (CVE-2019-5736). */
int op_program(struct stage_state *state, const struct op *op) {
  state->program_fd = open(op->arg[0].text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  return state->program_fd < 0 ? -errno : 0;
}

int op_exec(struct stage_state *state, const struct op *op) {
  if (state->argc == 0) return -EINVAL;
  if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return -errno;
  reset_signals();
  umask(0022);
  if (write(state->launch->ready[1], "R", 1) != 1) return -errno;
  status_write(STATUS_READY, ROLE_CONTAINER, op->index, 0, 0);
  if (state->program_fd >= 0) {
    syscall(SYS_execveat, state->program_fd, "", state->argv, state->envp, AT_EMPTY_PATH);
    return -errno;
  }
  /* A path search would find the directory itself. */
  if (!*state->argv[0]) return -ENOENT;
  /* A path from the environment of this run comes with its name. */
  const char *directories = op->arg[0].text;
  if (strncmp(directories, "PATH=", 5) == 0) directories += 5;
  if (!strchr(state->argv[0], '/')) return exec_search(state, directories);
  execve(state->argv[0], (char *const *)state->argv, (char *const *)state->envp);
  return -errno;
}
