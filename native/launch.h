/* What the launcher's three processes share. They are forks of one another: outer (the caller's namespaces, relays the
 * streams), session (root of a user namespace with the user's ids, pid 1 of its pid namespace, owns storage and network),
 * container (pid 1 of the container, becomes the payload). The session's end ends everything below it.
 *
 *   outer --clone--> session           outer writes the session's id maps through newuidmap/newgidmap, then releases it
 *   session --clone--> container       session writes the container's id maps, then releases it
 *   container --control--> outer       its pid (as the kernel translates it), then the pty master under a terminal
 *   all --status (fd 4)--> caller      READY, FAIL, START, EXIT records (status.h)
 */
#pragma once
#include <stdbool.h>

#include "plan.h"
#include "status.h"
#include "sync.h"

#define PLAN_FD 3
#define LAUNCH_MAX_STRINGS 4096

struct launch {
  struct plan plan;
  bool terminal;     /* the payload gets a pty of the container */
  bool relay_stdin;  /* the caller's standard input is relayed */
  int pipe[3][2];    /* stdin, stdout, stderr pipes, [0] read and [1] write end; -1 when unused */
  int control_outer; /* SOCK_SEQPACKET pair */
  int control_container;
  struct sync_pipe mapped;
  pid_t session_pid;
};

/* The state of one stage while its ops run. */
struct stage_state {
  struct launch *launch;
  enum role role;
  int root_fd;     /* the container's root file system: every path of an image is resolved beneath it */
  uint32_t detail; /* a failed op's number for the report, such as a helper's wait status */
  const char *argv[LAUNCH_MAX_STRINGS + 1];
  unsigned argc;
  const char *envp[LAUNCH_MAX_STRINGS + 1];
  unsigned envc;
  pid_t container_pid;
};

typedef int op_function(struct stage_state *state, const struct op *op);

/* Runs the ops of a stage in order and reports the first that fails. 0 or -errno. */
int run_stage(struct stage_state *state, enum stage stage);

/* The session's whole life; never returns. */
_Noreturn void session_main(struct launch *launch);
/* From the clone to execve; never returns. */
_Noreturn void container_main(struct launch *launch, struct sync_pipe *mapped);
/* Relays streams and signals until the session has ended; its exit status. */
int relay_run(struct launch *launch);

op_function op_cgroup_make, op_cgroup_write, op_stdio, op_session, op_namespace, op_propagation,
    op_loopback, op_sysctl, op_overlay, op_fuse_overlayfs, op_root, op_tmpfs_root, op_mount, op_container, op_unmount, op_remove,
    op_hostname, op_mkdir, op_touch, op_symlink, op_bind, op_device, op_mask, op_readonly, op_terminal, op_pivot,
    op_rlimit, op_cap_bound, op_groups, op_ids, op_caps, op_chdir, op_label, op_label_file, op_relabel, op_no_new_privs, op_seccomp, op_arg, op_env, op_exec;
