/* Ops on namespaces beside the ones made at clone: network and cgroup, host name, the loopback interface. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "../launch.h"
#include "paths.h"

/* The monitor was made ahead, in a network namespace of its session's: only what the session is to own is there then. */
static bool is_made(const struct stage_state *state) { return state->launch->has_network && state->role != ROLE_CONTAINER; }

int op_namespace(struct stage_state *state, const struct op *op) {
  const char *name = op->arg[0].text;
  int flag = strcmp(name, "network") == 0 ? CLONE_NEWNET : strcmp(name, "cgroup") == 0 ? CLONE_NEWCGROUP : 0;
  if (!flag) return -EINVAL;
  if (flag == CLONE_NEWNET && is_made(state)) return 0;
  return unshare(flag) < 0 ? -errno : 0;
}

int loopback_up(void) {
  autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int op_loopback(struct stage_state *state, const struct op *op) {
  (void)op;
  return is_made(state) ? 0 : loopback_up();
}

int op_hostname(struct stage_state *state, const struct op *op) {
  (void)state;
  return sethostname(op->arg[0].text, strlen(op->arg[0].text)) < 0 ? -errno : 0;
}

/* Writes a whole text to a file that must be procfs's: an image or a volume could have put another one there (CVE-2025-52881). */
static int write_proc(const struct stage_state *state, const char *path, const char *text) {
  struct statfs fs;
  autoclose int fd = state->role == ROLE_CONTAINER ? open_in_root(state->root_fd, path, O_WRONLY, RESOLVE_NO_SYMLINKS)
                                                   : open_real(path, O_WRONLY);
  if (fd < 0) return fd;
  if (fstatfs(fd, &fs) < 0) return -errno;
  if (fs.f_type != PROC_SUPER_MAGIC) return -ENODEV;
  size_t size = strlen(text);
  ssize_t put = write(fd, text, size);
  return put < 0 ? -errno : (size_t)put == size ? 0 : -EIO;
}

/* A setting of the stage's own namespaces, by its path below /proc/sys: in the session stage those of the network, which are
 * looked up in the network namespace of whoever opens them. */
int op_sysctl(struct stage_state *state, const struct op *op) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "/proc/sys/%s", op->arg[0].text);
  return length < 0 || (size_t)length >= sizeof path ? -ENAMETOOLONG : write_proc(state, path, op->arg[1].text);
}

/* oom-score ADJUSTMENT: how soon the kernel ends the payload when memory runs out. */
int op_oom_score(struct stage_state *state, const struct op *op) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", getpid());
  return write_proc(state, path, op->arg[0].text);
}
