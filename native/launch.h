/* What the launcher's processes share. They are forks of one another:
 *
 *   outer      in the caller's namespaces; relays the streams and the signals
 *   monitor    root of a user namespace with all the user's ids, pid 1 of a pid namespace; owns storage and network, keeps the
 *              books, and ends everything below it with its own end. A fork of outer, which makes the user namespace (a
 *              direct launch), or of the user's session, which has one
 *   container  pid 1 of the container, becomes the payload
 *
 * A container that lives without its caller is supervised: the monitor keeps the other ends of its streams, writes its log and
 * serves who attaches (supervise.h); outer ends as soon as the payload is executed, or is the first who is attached.
 *
 *   outer --clone--> monitor           a direct launch: outer writes the id maps through newuidmap/newgidmap, then releases it
 *   monitor --clone--> container       monitor writes the container's id maps, then releases it
 *   container --ready--> monitor       `R` before exec, `F` after a failure; its end is either's
 *   container --control--> outer       its pid (as the kernel translates it), then the pty master under a terminal
 *   all --status pipe--> outer         READY, FAIL, START, EXIT records (status.h); its end is the monitor's
 */
#pragma once
#include <stdbool.h>

#include "log.h"
#include "plan.h"
#include "restart.h"
#include "status.h"
#include "sync.h"

#define PLAN_FD 3
#define LAUNCH_MAX_STRINGS 4096

/* What is asked for: the value `mode` of a run. */
enum launch_mode {
  MODE_RUN,      /* a new container; outer relays its streams */
  MODE_DETACHED, /* a new container that is supervised */
  MODE_CREATE,   /* a new container, which is not launched yet */
  MODE_START,    /* the launch of a container that is there; it is supervised */
};

struct launch {
  struct plan plan;
  enum launch_mode mode;
  bool terminal;      /* the payload gets a pty of the container */
  bool relay_stdin;   /* the payload's standard input is relayed, or kept open */
  int outer_end[3];   /* stdin, stdout, stderr: what outer writes to and reads from; -1 when unused */
  int kept_end[3];    /* the same of the monitor that supervises */
  int payload_end[3];
  int terminal_from;  /* socket pair by which a supervised container hands the master of its terminal over */
  int terminal_to;
  struct log log;
  struct restart restart;
  int listen_fd;      /* where a supervised container is attached to */
  int client[2];      /* outer's connection when it is attached from the first on: its end and the monitor's (attach.h) */
  bool client_stdin;  /* it relays its standard input */
  bool keep_signals;  /* it does not pass signals on */
  const char *detach_keys;
  int hold_fd;        /* the lock of a container's directory */
  int control_outer;  /* SOCK_SEQPACKET pair */
  int control_container;
  struct sync_pipe joined; /* of a plan that joins a container: the pid of the process that is in it */
  int status[2];     /* the report of monitor and container */
  int ready[2];
  struct sync_pipe mapped;
  bool in_session;   /* the monitor is the session's: it lives in the user namespace already, and its pipes were sent */
  bool has_network;  /* the monitor was made ahead, in a network namespace of its own */
  pid_t monitor_pid; /* of a direct launch */
  int monitor_fd;    /* pidfd */
};

/* The state of one stage while its ops run: static, and set up field by field, since writing its arrays would cost the pages. */
struct stage_state {
  struct launch *launch;
  enum role role;
  enum stage stage;
  int root_fd;     /* the container's root file system: every path of an image is resolved beneath it */
  int program_fd;  /* what is executed in place of a file of the container; -1 for none */
  int null_fd;     /* what covers masked files, and directories; -1 before the first */
  int empty_fd;
  uint32_t detail; /* a failed op's number for the report, such as a helper's wait status */
  const char *argv[LAUNCH_MAX_STRINGS + 1];
  unsigned argc;
  const char *envp[LAUNCH_MAX_STRINGS + 1];
  unsigned envc;
  pid_t container_pid;
  pid_t container_seen; /* the same as /proc counts it */
};

typedef int op_function(struct stage_state *state, const struct op *op);

/* Runs the ops of a stage in order and reports the first that fails. 0 or -errno. */
int run_stage(struct stage_state *state, enum stage stage);

/* Runs the first op of a kind in the host stage once more; its report is its error alone. 0 or -errno. */
int run_host_op(struct stage_state *state, enum op_kind kind);

/* Of a static one, which is zero. */
void stage_state_init(struct stage_state *state, struct launch *launch, enum role role);
/* What is to be done after a launch that came to no payload. */
void run_failed_stages(struct stage_state *state);

/* A launch that has neither descriptors nor processes yet. */
void launch_init(struct launch *launch);

/* The front launches in a session alone: where AppArmor restricts user namespaces, only iso-launch may make one. */
enum launch_way { LAUNCH_DIRECT, LAUNCH_ANY, LAUNCH_SESSION };

/* No session takes the launch, and a direct one is not for this caller, or needs a cgroup that only systemd can give: nothing
 * was done. */
#define LAUNCH_UNDONE -1

/* Launches what was decoded and stays until it has ended and all its output was written; or, when it is to live without its
 * caller, until its payload was executed. Exit status for a caller who asks for no report, or LAUNCH_UNDONE; the report is kept
 * (status.h). */
int launch_run(struct launch *launch, enum launch_way way);

/* Takes the mode from the values of the run. 0 or -EINVAL. */
int launch_read_mode(struct launch *launch);

/* The monitor goes on without its caller. */
static inline bool is_supervised(const struct launch *launch) {
  return launch->mode == MODE_DETACHED || launch->mode == MODE_START;
}

/* The monitor's whole life; never returns. */
_Noreturn void monitor_main(struct launch *launch);
/* From the clone to execve; never returns. Without maps to wait for it is a process that joins a container. */
_Noreturn void container_main(struct launch *launch, struct sync_pipe *mapped);
/* Brings up the loopback interface of the network namespace. 0 or -errno. */
int loopback_up(void);
/* The pid of a pidfd as this process's /proc counts it: /proc may show another pid namespace than ours. 0 or -errno. */
int proc_pid(int pid_fd, pid_t *ret_pid);
/* Tells the outer process the pid of this one: that of the payload. 0 or -errno. */
int send_pid(struct launch *launch);
/* Relays streams and signals until the monitor has ended; its exit status. */
int relay_run(struct launch *launch);

op_function op_hold, op_keep_launch, op_supervise, op_restart, op_claim, op_label_pair, op_make_directory, op_write_file, op_append_line, op_release, op_cgroup_make, op_cgroup_write, op_cgroup_remove, op_stdio, op_session, op_namespace, op_propagation,
    op_loopback, op_sysctl, op_overlay, op_fuse_overlayfs, op_root, op_tmpfs_root, op_mount, op_container, op_beside, op_join, op_program, op_unmount, op_remove,
    op_hostname, op_mkdir, op_touch, op_symlink, op_bind, op_adopt, op_device, op_mask, op_readonly, op_terminal, op_console, op_streams, op_pivot,
    op_rlimit, op_oom_score, op_cap_bound, op_groups, op_ids, op_caps, op_chdir, op_label, op_label_file, op_relabel, op_no_new_privs, op_seccomp, op_arg, op_args, op_env, op_exec;
