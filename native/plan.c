#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define CREATE (1u << STAGE_CREATE)
#define HOST (1u << STAGE_HOST)
#define SESSION (1u << STAGE_SESSION)
#define CONTAINER (1u << STAGE_CONTAINER)
#define STARTED (1u << STAGE_STARTED)
#define CLEANUP (1u << STAGE_CLEANUP)
#define EXITED (1u << STAGE_EXITED)
#define FAILED (1u << STAGE_FAILED)
#define DISCARD (1u << STAGE_DISCARD)
#define RECORDING (CREATE | HOST | STARTED | EXITED | FAILED)

const char *const stage_names[STAGE_COUNT] = {"create",  "host",   "session", "container", "started",
                                             "cleanup", "exited", "failed",  "discard"};

const struct op_row op_table[OP_COUNT] = {
    [OP_HOLD] = {"hold", HOST, "t"},
    [OP_KEEP_LAUNCH] = {"keep-launch", CREATE, "t"},
    [OP_SUPERVISE] = {"supervise", HOST, "ttnn"},
    [OP_RESTART] = {"restart", HOST, "tn"},
    [OP_CLAIM] = {"claim", CREATE, "ttt"},
    [OP_LABEL_PAIR] = {"label-pair", CREATE | HOST, "ttttt"},
    [OP_MAKE_DIRECTORY] = {"make-directory", CREATE, "tn"},
    [OP_WRITE_FILE] = {"write-file", RECORDING, "tnc"},
    [OP_APPEND_LINE] = {"append-line", RECORDING, "tnc"},
    [OP_RELEASE] = {"release", EXITED | DISCARD, "tt"},
    [OP_CGROUP_MAKE] = {"cgroup-make", HOST, "t"},
    [OP_CGROUP_WRITE] = {"cgroup-write", HOST | SESSION | CONTAINER, "ttt"},
    [OP_CGROUP_REMOVE] = {"cgroup-remove", EXITED | FAILED, "t"},
    [OP_STDIO] = {"stdio", HOST, "tt"},
    [OP_SESSION] = {"session", HOST, "tttt"},
    [OP_NAMESPACE] = {"namespace", SESSION | CONTAINER, "t"},
    [OP_PROPAGATION] = {"propagation", SESSION | CONTAINER, "t"},
    [OP_LOOPBACK] = {"loopback", SESSION | CONTAINER, ""},
    [OP_SYSCTL] = {"sysctl", SESSION | CONTAINER, "tt"},
    [OP_OVERLAY] = {"overlay", SESSION, "tttttt"},
    [OP_FUSE_OVERLAYFS] = {"fuse-overlayfs", SESSION, "tttttt"},
    [OP_ROOT] = {"root", SESSION | CONTAINER, "t"},
    [OP_TMPFS_ROOT] = {"tmpfs-root", CONTAINER, "t"},
    [OP_MOUNT] = {"mount", SESSION | CONTAINER, "ttttt"},
    [OP_CONTAINER] = {"container", SESSION, "tt"},
    [OP_BESIDE] = {"beside", SESSION, ""},
    [OP_JOIN] = {"join", CONTAINER, "tt"},
    [OP_PROGRAM] = {"program", CONTAINER, "t"},
    [OP_UNMOUNT] = {"unmount", CLEANUP, "t"},
    [OP_REMOVE] = {"remove", EXITED | DISCARD, "t"},
    [OP_HOSTNAME] = {"hostname", CONTAINER, "t"},
    [OP_MKDIR] = {"mkdir", SESSION | CONTAINER, "tn"},
    [OP_TOUCH] = {"touch", CONTAINER, "tn"},
    [OP_SYMLINK] = {"symlink", CONTAINER, "tt"},
    [OP_BIND] = {"bind", CONTAINER, "ttttt"},
    [OP_ADOPT] = {"adopt", CONTAINER, "tt"},
    [OP_DEVICE] = {"device", CONTAINER, "ttnn"},
    [OP_MASK] = {"mask", CONTAINER, "t"},
    [OP_READONLY] = {"readonly", CONTAINER, "t"},
    [OP_TERMINAL] = {"terminal", CONTAINER, "n"},
    [OP_CONSOLE] = {"console", CONTAINER, ""},
    [OP_STREAMS] = {"streams", CONTAINER, "n"},
    [OP_PIVOT] = {"pivot", CONTAINER, "n"},
    [OP_RLIMIT] = {"rlimit", CONTAINER, "nnn"},
    [OP_OOM_SCORE] = {"oom-score", CONTAINER, "t"},
    [OP_CAP_BOUND] = {"cap-bound", CONTAINER, "n"},
    [OP_GROUPS] = {"groups", CONTAINER, "t"},
    [OP_IDS] = {"ids", CONTAINER, "nn"},
    [OP_CAPS] = {"caps", CONTAINER, "nnnn"},
    [OP_CHDIR] = {"chdir", CONTAINER, "t"},
    [OP_LABEL] = {"label", CONTAINER, "t"},
    [OP_LABEL_FILE] = {"label-file", CONTAINER, "tt"},
    [OP_RELABEL] = {"relabel", HOST, "tt"},
    [OP_NO_NEW_PRIVS] = {"no-new-privs", CONTAINER, ""},
    [OP_SECCOMP] = {"seccomp", CONTAINER, "nb"},
    [OP_ARG] = {"arg", CONTAINER, "t"},
    [OP_ARGS] = {"args", CONTAINER, ""},
    [OP_ENV] = {"env", CONTAINER, "t"},
    [OP_EXEC] = {"exec", CONTAINER, "t"},
};

static int find_row(const char *name) {
  for (int kind = 0; kind < OP_COUNT; kind++)
    if (strcmp(op_table[kind].name, name) == 0) return kind;
  return -EBADMSG;
}

static int find_stage(const char *name) {
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    if (strcmp(stage_names[stage], name) == 0) return stage;
  return -EBADMSG;
}

static int decode_arg(struct wire *wire, char type, union op_arg *ret_arg) {
  const char *token = NULL;
  size_t length = 0;
  int error = wire_next(wire, &token, &length);
  if (error) return error;
  if (length > PLAN_MAX_ARG) return -EBADMSG;
  if (type == 'b') {
    ret_arg->bytes = (const unsigned char *)token;
    ret_arg->length = length;
    return 0;
  }
  if (memchr(token, 0, length)) return -EBADMSG;
  if (type == 'n') return wire_number(token, &ret_arg->number);
  if (type == 't' && *token != '=' && *token != '$') return -EBADMSG;
  ret_arg->text = token;
  return 0;
}

static int decode_op(struct wire *wire, struct op *ret_op, int *ret_stage) {
  const char *stage_name = NULL, *op_name = NULL;
  int error = wire_text(wire, &stage_name);
  if (!error) error = wire_text(wire, &op_name);
  if (error) return error;
  int stage = find_stage(stage_name), kind = find_row(op_name);
  if (stage < 0 || kind < 0 || !(op_table[kind].stages & 1u << stage)) return -EBADMSG;
  ret_op->kind = (enum op_kind)kind;
  *ret_stage = stage;
  const char *types = op_table[kind].args;
  for (unsigned i = 0; types[i]; i++) {
    error = decode_arg(wire, types[i], &ret_op->arg[i]);
    if (error) return error;
  }
  return 0;
}

static int decode_ops(struct wire *wire, struct plan *plan, uint64_t total, unsigned *ret_at) {
  int before = STAGE_CREATE;
  for (unsigned i = 0; i < total; i++) {
    int stage = 0;
    *ret_at = i;
    plan->ops[i].index = i;
    int error = decode_op(wire, &plan->ops[i], &stage);
    if (error) return error;
    if (stage < before) return -EBADMSG;
    before = stage;
    if (plan->count[stage]++ == 0) plan->stage[stage] = &plan->ops[i];
  }
  return 0;
}

static int decode_values(struct wire *wire, struct values *values) {
  const char *count = NULL, *name = NULL, *text = NULL;
  uint64_t total = 0;
  if (wire_text(wire, &count) || wire_number(count, &total) || total > VALUES_MAX) return -EBADMSG;
  for (uint64_t i = 0; i < total; i++) {
    if (wire_text(wire, &name) || wire_text(wire, &text) || !*name || strlen(text) > PLAN_MAX_ARG) return -EBADMSG;
    int error = values_add(values, name, text);
    if (error) return error;
  }
  return wire->at == wire->size ? 0 : -EBADMSG;
}

/* A reference to a value that neither the run gives nor the launcher makes is refused before the first system call. */
static int check_references(const struct plan *plan, uint64_t total, unsigned *ret_at) {
  for (unsigned i = 0; i < total; i++) {
    const struct op *op = &plan->ops[i];
    const char *types = op_table[op->kind].args;
    *ret_at = i;
    for (unsigned a = 0; types[a]; a++) {
      if (types[a] != 't' || op->arg[a].text[0] != '$') continue;
      if (!values_is_known(&plan->values, op->arg[a].text + 1)) return -EBADMSG;
    }
  }
  return 0;
}

int plan_decode(unsigned char *bytes, size_t size, struct plan *ret_plan, unsigned *ret_at) {
  struct wire wire = {.bytes = bytes, .size = size, .at = 0};
  struct plan plan = {.bytes = bytes, .size = size};
  const char *magic = NULL, *count = NULL;
  uint64_t total = 0;
  *ret_at = 0;
  if (wire_text(&wire, &magic) || strcmp(magic, PLAN_MAGIC) != 0) return -EBADMSG;
  if (wire_text(&wire, &count) || wire_number(count, &total) || total == 0 || total > PLAN_MAX_OPS) return -EBADMSG;
  plan.ops = calloc(total, sizeof(struct op));
  if (!plan.ops) return -ENOMEM;
  int error = decode_ops(&wire, &plan, total, ret_at);
  if (!error) error = decode_values(&wire, &plan.values);
  if (!error) error = check_references(&plan, total, ret_at);
  if (error) {
    values_free(&plan.values);
    free(plan.ops);
    return error;
  }
  *ret_plan = plan;
  return 0;
}

const struct op *plan_find_host(const struct plan *plan, enum op_kind kind) {
  for (unsigned i = 0; i < plan->count[STAGE_HOST]; i++)
    if (plan->stage[STAGE_HOST][i].kind == kind) return &plan->stage[STAGE_HOST][i];
  return NULL;
}

bool plan_joins(const struct plan *plan) {
  for (unsigned i = 0; i < plan->count[STAGE_SESSION]; i++)
    if (plan->stage[STAGE_SESSION][i].kind == OP_BESIDE) return true;
  return false;
}

void plan_free(struct plan *plan) {
  values_free(&plan->values);
  free(plan->ops);
  free(plan->bytes);
  *plan = (struct plan){0};
}
