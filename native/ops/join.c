/* Ops by which a process joins a container that runs. It goes a way that nobody in there can step into: what its maker holds is
 * closed first, and it cannot be looked into (CVE-2016-9962, CVE-2024-21626).
 *
 *   monitor --fork--> joining --setns, clone--> joined
 *
 * All namespaces are entered in one call: that of the network belongs to the session, over which nobody has a capability who
 * is in the container's user namespace. A pid namespace is entered by children alone, so the joining process makes one, as a
 * child of the monitor, and ends. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../held.h"
#include "../launch.h"

#define ALL_NAMESPACES \
  (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

static int read_joined(const struct sync_pipe *pipe, pid_t *ret_pid) {
  ssize_t got;
  do got = read(pipe->read_fd, ret_pid, sizeof *ret_pid);
  while (got < 0 && errno == EINTR);
  return got == sizeof *ret_pid ? 0 : -ECHILD;
}

/* beside: the payload is no pid 1 of its own, but a further process of a container. */
int op_beside(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  (void)op;
  int error = sync_make(&launch->joined);
  if (error) return error;
  pid_t joining = fork();
  if (joining == 0) container_main(launch, NULL);
  close_fd(&launch->joined.write_fd);
  pid_t joined = 0;
  error = joining < 0 ? -errno : read_joined(&launch->joined, &joined);
  close_fd(&launch->joined.read_fd);
  if (joining > 0) (void)wait_for(joining);
  if (error) return error;
  state->container_pid = joined;
  autoclose int pid_fd = (int)syscall(SYS_pidfd_open, joined, 0);
  return pid_fd < 0 ? -errno : proc_pid(pid_fd, &state->container_seen);
}

/* In a direct launch they are still the caller's, which no process in a container may hold. */
static int close_streams(void) {
  autoclose int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null_fd < 0) return -errno;
  for (int stream = 0; stream < 3; stream++)
    if (dup2(null_fd, stream) < 0) return -errno;
  return 0;
}

_Noreturn static void hand_over(const struct launch *launch, pid_t joined) {
  _exit(write(launch->joined.write_fd, &joined, sizeof joined) == sizeof joined ? 0 : 125);
}

/* join PID START-TIME: those of the container's pid 1. What follows is done in the container. */
int op_join(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  autoclose int pid_fd = -1;
  int error = close_streams();
  if (!error) error = hold_container(op->arg[0].text, op->arg[1].text, &pid_fd);
  if (error) return error;
  if (setns(pid_fd, ALL_NAMESPACES) < 0) return -errno;
  /* With its credentials a process becomes as open to others as fs.suid_dumpable says. */
  if (prctl(PR_SET_DUMPABLE, 0) < 0) return -errno;
  pid_t joined = fork_into(CLONE_PARENT);
  if (joined < 0) return joined;
  if (joined > 0) hand_over(launch, joined);
  close_fd(&launch->joined.read_fd);
  close_fd(&launch->joined.write_fd);
  state->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return state->root_fd < 0 ? -errno : send_pid(launch);
}
