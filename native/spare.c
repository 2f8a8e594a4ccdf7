#include "spare.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "launch.h"
#include "send-fds.h"
#include "session-client.h"

/* The caller's connection, or -errno; -EPIPE when the session ended. */
static int receive_peer(int channel_fd) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got;
  do got = recvmsg(channel_fd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -EPIPE;
  int peer_fd;
  memcpy(&peer_fd, CMSG_DATA(header), sizeof peer_fd);
  return peer_fd;
}

/* A namespace that cannot be made now is tried again by the launch, which can say why. The one for mounts is made last: until
 * then the process sees what the host mounts and keeps nothing of it busy. */
static int wait_for_launch(int channel_fd, struct spare_launch *ret_launch) {
  prctl(PR_SET_NAME, "iso-spare");
  ret_launch->has_network = unshare(CLONE_NEWNET) == 0 && loopback_up() == 0;
  ret_launch->peer_fd = receive_peer(channel_fd);
  close(channel_fd);
  if (ret_launch->peer_fd < 0) return ret_launch->peer_fd;
  prctl(PR_SET_NAME, "iso-monitor");
  return unshare(CLONE_NEWNS) < 0 ? -errno : 0;
}

pid_t spare_make(struct spare *spare, struct spare_launch *ret_launch) {
  int channel[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) return -errno;
  pid_t pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    close(SESSION_LISTEN_FD);
    close(SESSION_JOIN_FD);
    close(channel[0]);
    if (wait_for_launch(channel[1], ret_launch)) _exit(125);
    return 0;
  }
  close(channel[1]);
  if (pid < 0) close(channel[0]);
  else *spare = (struct spare){.pid = pid, .channel_fd = channel[0]};
  return pid;
}

int spare_give(struct spare *spare, int peer_fd) {
  int error = send_fds(spare->channel_fd, "", 1, &peer_fd, 1);
  spare_drop(spare);
  return error;
}

void spare_drop(struct spare *spare) {
  if (spare->pid > 0) close(spare->channel_fd);
  *spare = (struct spare){0};
}
