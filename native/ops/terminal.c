/* The container's own terminal: allocated on its own devpts, its master handed to the outer process, or to the monitor that
 * supervises. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../launch.h"
#include "../send-fds.h"
#include "paths.h"

/* console: /dev/console is the terminal on descriptor 0, bound by it so that nothing can be put in its place. */
int op_console(struct stage_state *state, const struct op *op) {
  (void)op;
  autoclose int target_fd = open_in_root(state->root_fd, "/dev/console", O_PATH, RESOLVE_NO_SYMLINKS);
  if (target_fd < 0) return target_fd;
  autoclose int mount_fd = clone_mount(STDIN_FILENO, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  return mount_fd < 0 ? mount_fd : attach_mount(mount_fd, target_fd);
}

int op_terminal(struct stage_state *state, const struct op *op) {
  autoclose int master_fd = open_in_root(state->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
  struct statfs fs;
  int unlock = 0;
  if (master_fd < 0) return master_fd;
  if (fstatfs(master_fd, &fs) < 0) return -errno;
  if (fs.f_type != DEVPTS_SUPER_MAGIC) return -ENODEV;
  if (ioctl(master_fd, TIOCSPTLCK, &unlock) < 0) return -errno;
  /* By descriptor, not by name: the entry under /dev/pts could have been replaced. */
  autoclose int slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave_fd < 0) return -errno;
  if (fchown(slave_fd, (uid_t)op->arg[0].number, (gid_t)-1) < 0) return -errno;
  if (setsid() < 0 || ioctl(slave_fd, TIOCSCTTY, 0) < 0) return -errno;
  for (int stream = 0; stream < 3; stream++)
    if (dup2(slave_fd, stream) < 0) return -errno;
  const struct launch *launch = state->launch;
  return send_fds(launch->terminal_to >= 0 ? launch->terminal_to : launch->control_container, "T", 1, &master_fd, 1);
}
