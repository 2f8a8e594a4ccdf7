#include "send-fds.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int send_fds(int socket_fd, const void *bytes, size_t size, const int *fds, unsigned count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SEND_MAX_FDS * sizeof(int))];
  } control = {0};
  struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (count > SEND_MAX_FDS) return -EINVAL;
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
  }
  return sendmsg(socket_fd, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}
