/* Ops on namespaces beside the ones made at clone: network and cgroup, host name, the loopback interface. */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../launch.h"

int op_namespace(struct stage_state *state, const struct op *op) {
  (void)state;
  const char *name = op->arg[0].text;
  int flag = strcmp(name, "network") == 0 ? CLONE_NEWNET : strcmp(name, "cgroup") == 0 ? CLONE_NEWCGROUP : 0;
  if (!flag) return -EINVAL;
  return unshare(flag) < 0 ? -errno : 0;
}

int op_loopback(struct stage_state *state, const struct op *op) {
  (void)state;
  (void)op;
  autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int op_hostname(struct stage_state *state, const struct op *op) {
  (void)state;
  return sethostname(op->arg[0].text, strlen(op->arg[0].text)) < 0 ? -errno : 0;
}
