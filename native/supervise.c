#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "clients.h"

#define CHUNK 8192
/* What a pipe may still hold when its container has ended; who else has it may write on for ever. */
#define LAST_CHUNKS 256

enum { SIGNALS, LISTENER, OUTPUT, ERRORS, INPUT, FIRST_CLIENT, POLLS = FIRST_CLIENT + 2 * CLIENTS_MAX };

struct supervisor {
  pid_t container;
  int signal_fd;
  int terminal_fd; /* the master of the payload's terminal, which is its output as well; -1 without one */
  int output_fd[3];
  int input_fd;
  bool input_ends; /* as soon as what is held was given */
  char held[PIPE_BUF];
  size_t size, given;
  bool ended;
  int status;
  struct clients clients;
};

static struct supervisor supervisor;

int supervise_streams(struct launch *launch) {
  int pair[2];
  if (launch->terminal) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    launch->terminal_from = pair[0];
    launch->terminal_to = pair[1];
    return 0;
  }
  for (int stream = launch->relay_stdin ? 0 : 1; stream < 3; stream++) {
    if (pipe2(pair, O_CLOEXEC) < 0) return -errno;
    launch->payload_end[stream] = pair[stream > 0];
    launch->kept_end[stream] = pair[stream == 0];
  }
  return 0;
}

static void keep_nonblocking(int fd) {
  if (fd >= 0) (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The container sent it before its payload was executed. */
static int take_terminal(int from_fd) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  char byte;
  int fd = -1;
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(from_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

static void take_streams(struct launch *launch) {
  for (int stream = 1; stream < 3; stream++) supervisor.output_fd[stream] = launch->kept_end[stream];
  supervisor.input_fd = launch->kept_end[0];
  supervisor.terminal_fd = -1;
  if (launch->terminal_from >= 0) {
    int fd = take_terminal(launch->terminal_from);
    close_fd(&launch->terminal_from);
    supervisor.terminal_fd = supervisor.output_fd[1] = fd;
    supervisor.input_fd = launch->relay_stdin ? fd : -1;
  }
  for (int stream = 1; stream < 3; stream++) keep_nonblocking(supervisor.output_fd[stream]);
  keep_nonblocking(supervisor.input_fd);
}

static void close_input(void) {
  if (supervisor.input_fd >= 0 && supervisor.input_fd != supervisor.terminal_fd) close(supervisor.input_fd);
  supervisor.input_fd = -1;
  supervisor.size = supervisor.given = 0;
}

/* A terminal that nobody holds any more hangs up. */
static void close_output(int stream) {
  if (supervisor.output_fd[stream] == supervisor.terminal_fd) {
    close_input();
    supervisor.terminal_fd = -1;
  }
  close_fd(&supervisor.output_fd[stream]);
  supervisor.output_fd[stream] = -1;
}

/* False when there is nothing to read, now or ever. */
static bool move_output(struct launch *launch, int stream) {
  char bytes[CHUNK];
  if (supervisor.output_fd[stream] < 0) return false;
  ssize_t got = read(supervisor.output_fd[stream], bytes, sizeof bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    close_output(stream);
    return false;
  }
  log_write(&launch->log, stream, bytes, (size_t)got);
  clients_write(&supervisor.clients, stream, bytes, (size_t)got);
  return true;
}

static void give_input(void) {
  ssize_t put = write(supervisor.input_fd, supervisor.held + supervisor.given, supervisor.size - supervisor.given);
  if (put < 0 && errno != EAGAIN && errno != EINTR) close_input();
  if (put <= 0) return;
  supervisor.given += (size_t)put;
  if (supervisor.given < supervisor.size) return;
  supervisor.size = supervisor.given = 0;
  if (supervisor.input_ends) close_input();
}

static void end_input(struct client *client) {
  if (!client->first || !client->ends || client->fd[0] >= 0) return;
  supervisor.input_ends = true;
  if (supervisor.size == 0) close_input();
}

static void take_input(struct client *client) {
  ssize_t got = read(client->fd[0], supervisor.held, sizeof supervisor.held);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0 && supervisor.input_fd >= 0) {
    supervisor.size = (size_t)got;
    supervisor.given = 0;
    return;
  }
  /* It ended, or there is nobody to read it, which closing tells. */
  close_fd(&client->fd[0]);
  client->fd[0] = -1;
  end_input(client);
}

static void take_message(struct client *client) {
  struct attach_message message = client_read(client);
  struct winsize size = {.ws_row = message.rows, .ws_col = message.columns};
  if (message.kind == ATTACH_SIGNAL && message.detail > 0 && message.detail < NSIG) kill(supervisor.container, message.detail);
  if (message.kind == ATTACH_WINDOW && supervisor.terminal_fd >= 0)
    (void)ioctl(supervisor.terminal_fd, TIOCSWINSZ, &size);
  if (message.kind != ATTACH_END) return;
  client->ends = true;
  end_input(client);
}

/* As pid 1 of its namespace the monitor reaps every orphan; the container's status is the one that counts. */
static void reap(void) {
  struct signalfd_siginfo info;
  int status = 0;
  if (read(supervisor.signal_fd, &info, sizeof info) < 0) return;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != supervisor.container) continue;
    supervisor.ended = true;
    supervisor.status = status;
  }
}

static void set_polls(struct pollfd polls[POLLS]) {
  const bool holds = supervisor.size > 0;
  polls[SIGNALS] = (struct pollfd){.fd = supervisor.signal_fd, .events = POLLIN};
  polls[LISTENER] = (struct pollfd){.fd = supervisor.clients.listen_fd, .events = POLLIN};
  for (int stream = 1; stream < 3; stream++)
    polls[OUTPUT + stream - 1] = (struct pollfd){.fd = supervisor.output_fd[stream], .events = POLLIN};
  polls[INPUT] = (struct pollfd){.fd = holds ? supervisor.input_fd : -1, .events = POLLOUT};
  for (int i = 0; i < CLIENTS_MAX; i++) {
    const struct client *client = &supervisor.clients.list[i];
    polls[FIRST_CLIENT + 2 * i] = (struct pollfd){.fd = client->peer_fd, .events = POLLIN};
    polls[FIRST_CLIENT + 2 * i + 1] = (struct pollfd){.fd = holds ? -1 : client->fd[0], .events = POLLIN};
  }
}

static void turn(struct launch *launch) {
  struct pollfd polls[POLLS];
  set_polls(polls);
  if (poll(polls, POLLS, -1) < 0) return;
  for (int i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &supervisor.clients.list[i];
    const struct pollfd *said = &polls[FIRST_CLIENT + 2 * i], *typed = said + 1;
    if (said->revents && client->peer_fd == said->fd) take_message(client);
    /* One at a time: the next waits until what this one typed was given. */
    if (typed->revents && client->fd[0] == typed->fd && supervisor.size == 0) take_input(client);
  }
  if (polls[INPUT].revents && supervisor.input_fd >= 0) give_input();
  if (polls[OUTPUT].revents) (void)move_output(launch, 1);
  if (polls[ERRORS].revents) (void)move_output(launch, 2);
  if (polls[LISTENER].revents) clients_accept(&supervisor.clients);
  if (polls[SIGNALS].revents) reap();
}

int supervise(struct launch *launch, pid_t container) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signal(SIGPIPE, SIG_IGN);
  supervisor.container = container;
  /* As the payload before this one left it, if there was one. */
  supervisor.ended = supervisor.input_ends = false;
  supervisor.size = supervisor.given = 0;
  supervisor.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  take_streams(launch);
  const unsigned greeting = (launch->terminal ? ATTACH_HAS_TERMINAL : 0) | (launch->relay_stdin ? ATTACH_HAS_STDIN : 0);
  clients_init(&supervisor.clients, launch->listen_fd, greeting, launch->client[1]);
  /* One that ended before the signals were watched has left its own pending. */
  while (!supervisor.ended) turn(launch);
  for (int stream = 1; stream < 3; stream++)
    for (int left = LAST_CHUNKS; left > 0 && move_output(launch, stream); left--) continue;
  clients_report(&supervisor.clients, supervisor.status);
  log_close(&launch->log);
  return supervisor.status;
}

void supervise_leave(struct launch *launch) {
  clients_close(&supervisor.clients);
  close_input();
  close_fd(&supervisor.signal_fd);
  close_fd(&launch->listen_fd);
  launch->listen_fd = launch->client[1] = -1;
}
