#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "send-fds.h"
#include "session-client.h"
#include "streams.h"

#define GREETING_MS 10000

int attach_streams(int client_fd, int fds[ATTACH_FDS]) {
  struct attach_message message = {.kind = ATTACH_STREAMS};
  int sent[ATTACH_FDS];
  unsigned count = 0;
  for (int i = 0; i < ATTACH_FDS; i++) {
    if (fds[i] < 0) continue;
    message.detail |= (uint8_t)(1u << i);
    sent[count++] = fds[i];
  }
  int error = send_fds(client_fd, &message, sizeof message, sent, count);
  for (int i = 0; i < ATTACH_FDS; i++) close_fd(&fds[i]);
  return error;
}

static void say(int client_fd, const struct attach_message *message) {
  (void)send(client_fd, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void attach_window(int client_fd, const struct winsize *size) {
  const struct attach_message message = {.kind = ATTACH_WINDOW, .rows = size->ws_row, .columns = size->ws_col};
  say(client_fd, &message);
}

void attach_say(int client_fd, enum attach_kind kind, int detail) {
  const struct attach_message message = {.kind = (uint8_t)kind, .detail = (uint8_t)detail};
  say(client_fd, &message);
}

static int open_channel(const char *directory) {
  autoclose int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return directory_fd < 0 ? -errno : connect_to(directory_fd, ATTACH_SOCKET);
}

/* What the monitor says to those it takes. */
static int read_greeting(struct launch *launch) {
  struct attach_message greeting;
  struct pollfd ready = {.fd = launch->client[0], .events = POLLIN};
  if (poll(&ready, 1, GREETING_MS) != 1) return -ETIMEDOUT;
  if (recv(launch->client[0], &greeting, sizeof greeting, 0) != sizeof greeting) return -EACCES;
  launch->terminal = greeting.detail & ATTACH_HAS_TERMINAL;
  launch->client_stdin = launch->client_stdin && greeting.detail & ATTACH_HAS_STDIN;
  return 0;
}

int attach_run(struct launch *launch, const char *directory) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  launch->client[0] = open_channel(directory);
  int error = launch->client[0] < 0 ? launch->client[0] : read_greeting(launch);
  if (!error) error = streams_attach(launch);
  if (!error) return relay_run(launch);
  status_write(STATUS_FAIL, ROLE_OUTER, 0, 0, -error);
  return 125;
}
