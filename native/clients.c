#include "clients.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"
#include "status.h"
#include "sync.h"

#define BACKLOG 16
/* A reader that is slow is waited for, or none would get all of much output; one that does not read is not waited for twice. */
#define PATIENCE_MS 1000

int clients_listen(const char *directory) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  autoclose int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory_fd < 0) return -errno;
  /* Of a launch whose monitor was killed. */
  if (unlinkat(directory_fd, ATTACH_SOCKET, 0) < 0 && errno != ENOENT) return -errno;
  /* A path in a deep home does not fit an address (unix(7)). */
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" ATTACH_SOCKET, directory_fd);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  mode_t mask = umask(0177);
  int error = bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0 ? -errno : 0;
  umask(mask);
  if (!error) return fd;
  close(fd);
  return error;
}

static void client_close(struct client *client) {
  close_fd(&client->peer_fd);
  for (int i = 0; i < ATTACH_FDS; i++) close_fd(&client->fd[i]);
  *client = (struct client){.peer_fd = -1, .fd = {-1, -1, -1, -1}};
}

static void client_open(struct client *client, int peer_fd, bool first) {
  *client = (struct client){.peer_fd = peer_fd, .fd = {-1, -1, -1, -1}, .first = first};
}

void clients_init(struct clients *clients, int listen_fd, enum attach_greeting greeting, int first_fd) {
  clients->listen_fd = listen_fd;
  clients->greeting = greeting;
  for (int i = 0; i < CLIENTS_MAX; i++) client_open(&clients->list[i], -1, false);
  if (first_fd >= 0) client_open(&clients->list[0], first_fd, true);
}

/* A free place, or that of one who has said nothing yet. */
static struct client *find_place(struct clients *clients) {
  struct client *silent = NULL;
  for (int i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &clients->list[i];
    if (client->peer_fd < 0) return client;
    if (!client->known && !client->first) silent = client;
  }
  if (silent) client_close(silent);
  return silent;
}

void clients_accept(struct clients *clients) {
  int peer_fd = accept4(clients->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (peer_fd < 0) return;
  struct client *place = peer_is_own(peer_fd) ? find_place(clients) : NULL;
  if (!place) {
    close(peer_fd);
    return;
  }
  client_open(place, peer_fd, false);
  attach_say(peer_fd, ATTACH_GREETING, (int)clients->greeting);
}

/* Pipes alone: writing to anything else could wait, whatever its flags say. */
static int take_pipe(int fd) {
  if (fcntl(fd, F_GETPIPE_SZ) < 0) return -EBADF;
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static void close_all(const int *fds, unsigned count) {
  for (unsigned i = 0; i < count; i++) close(fds[i]);
}

/* One descriptor for each bit. */
static int place_fds(struct client *client, unsigned streams, const int *fds, unsigned count) {
  if (client->known || streams >= 1u << ATTACH_FDS || count != (unsigned)__builtin_popcount(streams)) return -EBADMSG;
  for (unsigned i = 0; i < count; i++)
    if (take_pipe(fds[i])) return -EBADF;
  for (unsigned stream = 0, next = 0; stream < ATTACH_FDS; stream++)
    if (streams & 1u << stream) client->fd[stream] = fds[next++];
  client->known = true;
  return 0;
}

/* 1 for a message, 0 for none yet, -errno at its end or when it makes no sense. */
static int receive(struct client *client, struct attach_message *ret_message) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(ATTACH_FDS * sizeof(int))];
  } control;
  struct iovec vector = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(client->peer_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  int fds[ATTACH_FDS];
  unsigned count = 0;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
  }
  int error = got != sizeof *ret_message || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG : 0;
  if (!error && ret_message->kind == ATTACH_STREAMS) error = place_fds(client, ret_message->detail, fds, count);
  else if (!error && (count > 0 || !client->known)) error = -EBADMSG;
  if (error) close_all(fds, count);
  return error ? error : 1;
}

struct attach_message client_read(struct client *client) {
  struct attach_message message = {0};
  int got = receive(client, &message);
  if (got < 0) client_close(client);
  return got == 1 ? message : (struct attach_message){0};
}

static void report(const struct client *client, enum status_kind kind, uint32_t index, uint32_t detail, int error) {
  int fd = client->fd[ATTACH_REPORT];
  if (fd >= 0) status_write_to(fd, kind, ROLE_SESSION, index, detail, error);
  else if (client->first) status_write(kind, ROLE_SESSION, index, detail, error);
}

/* A pipe takes PIPE_BUF bytes whole or not at all (pipe(7)). */
static int give_part(int fd, const char *bytes, size_t size) {
  struct pollfd room = {.fd = fd, .events = POLLOUT};
  if (write(fd, bytes, size) >= 0) return 0;
  if (errno != EAGAIN || poll(&room, 1, PATIENCE_MS) != 1) return -errno;
  return write(fd, bytes, size) < 0 ? -errno : 0;
}

static int give(int fd, const char *bytes, size_t size) {
  int error = 0;
  for (size_t part; size > 0 && !error; bytes += part, size -= part) {
    part = size < PIPE_BUF ? size : PIPE_BUF;
    error = give_part(fd, bytes, part);
  }
  return error;
}

void clients_write(struct clients *clients, int stream, const char *bytes, size_t size) {
  for (int i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &clients->list[i];
    if (client->fd[stream] < 0) continue;
    int error = give(client->fd[stream], bytes, size);
    if (!error) continue;
    close_fd(&client->fd[stream]);
    client->fd[stream] = -1;
    /* One that closed its end wants no more. */
    if (error != -EPIPE) report(client, STATUS_LOST, (uint32_t)stream, 0, -error);
  }
}

void clients_close(struct clients *clients) {
  for (int i = 0; i < CLIENTS_MAX; i++) client_close(&clients->list[i]);
}

void clients_report(const struct clients *clients, int status) {
  for (int i = 0; i < CLIENTS_MAX; i++)
    if (clients->list[i].fd[ATTACH_REPORT] >= 0) report(&clients->list[i], STATUS_EXIT, 0, (uint32_t)status, 0);
}
