#include "run-stage.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static op_function *const op_functions[OP_COUNT] = {
    [OP_HOLD] = op_hold,
    [OP_KEEP_LAUNCH] = op_keep_launch,
    [OP_SUPERVISE] = op_supervise,
    [OP_RESTART] = op_restart,
    [OP_CLAIM] = op_claim,
    [OP_LABEL_PAIR] = op_label_pair,
    [OP_MAKE_DIRECTORY] = op_make_directory,
    [OP_WRITE_FILE] = op_write_file,
    [OP_APPEND_LINE] = op_append_line,
    [OP_RELEASE] = op_release,
    [OP_CGROUP_MAKE] = op_cgroup_make,
    [OP_CGROUP_WRITE] = op_cgroup_write,
    [OP_CGROUP_REMOVE] = op_cgroup_remove,
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
    [OP_BESIDE] = op_beside,
    [OP_JOIN] = op_join,
    [OP_PROGRAM] = op_program,
    [OP_UNMOUNT] = op_unmount,
    [OP_REMOVE] = op_remove,
    [OP_HOSTNAME] = op_hostname,
    [OP_MKDIR] = op_mkdir,
    [OP_TOUCH] = op_touch,
    [OP_SYMLINK] = op_symlink,
    [OP_BIND] = op_bind,
    [OP_ADOPT] = op_adopt,
    [OP_DEVICE] = op_device,
    [OP_MASK] = op_mask,
    [OP_READONLY] = op_readonly,
    [OP_TERMINAL] = op_terminal,
    [OP_CONSOLE] = op_console,
    [OP_STREAMS] = op_streams,
    [OP_PIVOT] = op_pivot,
    [OP_RLIMIT] = op_rlimit,
    [OP_OOM_SCORE] = op_oom_score,
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
    [OP_ARGS] = op_args,
    [OP_ENV] = op_env,
    [OP_EXEC] = op_exec,
};

/* Arguments that name a value stand for its text in this run. */
static int resolve(const struct values *values, const struct op *op, struct op *ret_op) {
  const char *types = op_table[op->kind].args;
  *ret_op = *op;
  for (unsigned i = 0; types[i]; i++) {
    if (types[i] != 't') continue;
    const char *text = op->arg[i].text;
    ret_op->arg[i].text = *text == '$' ? values_get(values, text + 1) : text + 1;
    if (!ret_op->arg[i].text) return -ENODATA;
  }
  return 0;
}

/* RFC 3339 with milliseconds, UTC. */
static int set_now(struct values *values) {
  struct timespec now;
  struct tm parts;
  char text[40], whole[64];
  if (clock_gettime(CLOCK_REALTIME, &now) < 0 || !gmtime_r(&now.tv_sec, &parts)) return -errno;
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(whole, sizeof whole, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
  return values_set(values, "now", whole);
}

void stage_state_init(struct stage_state *state, struct launch *launch, enum role role) {
  state->launch = launch;
  state->role = role;
  state->root_fd = state->program_fd = state->null_fd = state->empty_fd = -1;
}

int run_stage(struct stage_state *state, enum stage stage) {
  struct plan *plan = &state->launch->plan;
  state->stage = stage;
  if (plan->count[stage] == 0) return 0;
  if (stage != STAGE_SESSION && stage != STAGE_CONTAINER && set_now(&plan->values)) return -ENOMEM;
  for (unsigned i = 0; i < plan->count[stage]; i++) {
    const struct op *op = &plan->stage[stage][i];
    struct op resolved;
    state->detail = 0;
    int error = resolve(&plan->values, op, &resolved);
    if (!error) error = op_functions[op->kind](state, &resolved);
    if (!error) continue;
    status_write(STATUS_FAIL, state->role, op->index, state->detail, -error);
    /* What follows a run is done as far as it can be. */
    if (stage < STAGE_STARTED) return error;
  }
  return 0;
}

int run_host_op(struct stage_state *state, enum op_kind kind) {
  const struct op *op = plan_find_host(&state->launch->plan, kind);
  struct op resolved;
  state->stage = STAGE_HOST;
  if (!op) return 0;
  int error = resolve(&state->launch->plan.values, op, &resolved);
  return error ? error : op_functions[kind](state, &resolved);
}

void print_ops(void) {
  for (int kind = 0; kind < OP_COUNT; kind++) {
    printf("%s %s", op_table[kind].name, op_table[kind].args[0] ? op_table[kind].args : "-");
    for (int stage = 0; stage < STAGE_COUNT; stage++)
      if (op_table[kind].stages & 1u << stage) printf(" %s", stage_names[stage]);
    printf("\n");
  }
}
