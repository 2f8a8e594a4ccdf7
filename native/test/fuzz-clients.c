/* What those who attach to a container say to its monitor, as a fuzz target. An input is a number of messages; each is the
 * number of its descriptors, what they are, the length of its text, and the text. It proves that nothing which a process of the
 * user sends makes a monitor read or write out of its bounds, wait, or keep a descriptor too many. */
#include "../supervise.c"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../peer.h"
#include "../send-fds.h"
#include "../sync.h"

#define MOST_FDS SEND_MAX_FDS
#define MOST_TEXT 8

/* Signals go to a process that has ended and is not waited for, so that its number stays its own. */
static pid_t ended_process(void) {
  static pid_t pid;
  if (pid == 0 && (pid = fork()) == 0) _exit(0);
  if (pid < 0) abort();
  return pid;
}

/* Ends of a pipe, or a file, which is none. */
static int make_fd(unsigned kind) {
  int ends[2];
  if (kind % 3 == 2) return memfd_create("file", MFD_CLOEXEC);
  if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "typed", 5) != 5) abort();
  return ends[kind % 3];
}

/* One message as it lies in the input; how many bytes it takes. */
static size_t say(int fd, const unsigned char *bytes, size_t size) {
  int fds[MOST_FDS];
  if (size < 3) return size;
  const unsigned count = bytes[0] % (MOST_FDS + 1), length = bytes[2] % (MOST_TEXT + 1);
  const size_t text = length < size - 3 ? length : size - 3;
  for (unsigned i = 0; i < count; i++) fds[i] = make_fd(bytes[1] + i);
  (void)send_fds(fd, bytes + 3, text, fds, count);
  for (unsigned i = 0; i < count; i++) close(fds[i]);
  return 3 + text;
}

static void hear(struct client *client) {
  take_message(client);
  if (client->fd[0] >= 0 && supervisor.size == 0) take_input(client);
  if (supervisor.size > 0 && supervisor.input_fd >= 0) give_input();
  for (int stream = 1; stream < 3; stream++) clients_write(&supervisor.clients, stream, "output", 6);
  clients_report(&supervisor.clients, 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  int pair[2], input[2];
  supervisor = (struct supervisor){.container = ended_process(), .terminal_fd = -1, .output_fd = {-1, -1, -1}};
  signal(SIGPIPE, SIG_IGN);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || pipe2(input, O_CLOEXEC | O_NONBLOCK) < 0) abort();
  supervisor.input_fd = input[1];
  clients_init(&supervisor.clients, -1, ATTACH_HAS_STDIN, pair[1]);
  struct client *client = &supervisor.clients.list[0];
  client->first = size > 0 && *bytes & 1;
  for (size_t at = 1; at < size && client->peer_fd >= 0;) {
    at += say(pair[0], bytes + at, size - at);
    hear(client);
  }
  if (syscall(SYS_close_range, pair[0], ~0u, 0) < 0) abort();
  return 0;
}
