/* The launch plan: a bounded list of ops with fixed arity. Names come from one table, which `iso-launch --ops` prints
 * and a test compares with the TypeScript one.
 *
 *   "ISOPLAN2", number of ops, ops: stage, name, arguments; then the values of this run: count, name and text of each
 *
 * A text is `=` and the text itself, or `$` and the name of a value, so that one plan serves every run of its shape. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "values.h"

#define PLAN_MAGIC "ISOPLAN2"
#define PLAN_MAX_OPS 4096
#define PLAN_MAX_ARGS 6
/* execve(2) allows 128 KiB for one string; a seccomp program has at most 4096 instructions of 8 bytes. */
#define PLAN_MAX_ARG (128u << 10)

/* `create` makes a container; one that is there is launched again without. What comes after its start: `started` beside it;
 * `cleanup` in every case; then `exited` or, when the payload never ran, `failed`, and `discard` where the container was new. */
enum stage {
  STAGE_CREATE,
  STAGE_HOST,
  STAGE_SESSION,
  STAGE_CONTAINER,
  STAGE_STARTED,
  STAGE_CLEANUP,
  STAGE_EXITED,
  STAGE_FAILED,
  STAGE_DISCARD,
  STAGE_COUNT
};

enum op_kind {
  OP_HOLD,
  OP_KEEP_LAUNCH,
  OP_SUPERVISE,
  OP_RESTART,
  OP_CLAIM,
  OP_LABEL_PAIR,
  OP_MAKE_DIRECTORY,
  OP_WRITE_FILE,
  OP_APPEND_LINE,
  OP_RELEASE,
  OP_CGROUP_MAKE,
  OP_CGROUP_WRITE,
  OP_CGROUP_REMOVE,
  OP_STDIO,
  OP_SESSION,
  OP_NAMESPACE,
  OP_PROPAGATION,
  OP_LOOPBACK,
  OP_SYSCTL,
  OP_OVERLAY,
  OP_FUSE_OVERLAYFS,
  OP_ROOT,
  OP_TMPFS_ROOT,
  OP_MOUNT,
  OP_CONTAINER,
  OP_BESIDE,
  OP_JOIN,
  OP_PROGRAM,
  OP_UNMOUNT,
  OP_REMOVE,
  OP_HOSTNAME,
  OP_MKDIR,
  OP_TOUCH,
  OP_SYMLINK,
  OP_BIND,
  OP_ADOPT,
  OP_DEVICE,
  OP_MASK,
  OP_READONLY,
  OP_TERMINAL,
  OP_CONSOLE,
  OP_STREAMS,
  OP_PIVOT,
  OP_RLIMIT,
  OP_OOM_SCORE,
  OP_CAP_BOUND,
  OP_GROUPS,
  OP_IDS,
  OP_CAPS,
  OP_CHDIR,
  OP_LABEL,
  OP_LABEL_FILE,
  OP_RELABEL,
  OP_NO_NEW_PRIVS,
  OP_SECCOMP,
  OP_ARG,
  OP_ARGS,
  OP_ENV,
  OP_EXEC,
  OP_COUNT
};

union op_arg {
  const char *text;
  uint64_t number;
  struct {
    const unsigned char *bytes;
    size_t length;
  };
};

struct op {
  enum op_kind kind;
  unsigned index; /* position in the whole plan, named in reports */
  union op_arg arg[PLAN_MAX_ARGS];
};

struct plan {
  unsigned char *bytes; /* what the ops point into */
  size_t size;
  struct op *ops;
  struct values values;
  struct op *stage[STAGE_COUNT];
  unsigned count[STAGE_COUNT];
};

/* One row an op: its name, the stages it may stand in (bits), its arguments: t text, n number, b bytes, c composition
 * (compose.h). */
struct op_row {
  const char *name;
  unsigned stages;
  const char *args;
};

extern const struct op_row op_table[OP_COUNT];
extern const char *const stage_names[STAGE_COUNT];

/* Decodes a whole plan before anything is done with it. Takes bytes over on success. 0, -EBADMSG or -ENOMEM;
 * *ret_at is the op at which a refused plan went wrong. Stages follow each other in order. */
int plan_decode(unsigned char *bytes, size_t size, struct plan *ret_plan, unsigned *ret_at);

/* The first op of a kind in the host stage, NULL when there is none. */
const struct op *plan_find_host(const struct plan *plan, enum op_kind kind);

/* True for a plan whose payload joins a container that runs. */
bool plan_joins(const struct plan *plan);

void plan_free(struct plan *plan);
