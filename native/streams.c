#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "attach.h"
#include "ops/label.h"
#include "supervise.h"

#define CLIENT_PIPE (1 << 20)

int streams_read_mode(struct launch *launch) {
  const struct op *op = plan_find_host(&launch->plan, OP_STDIO);
  if (!op) return -EINVAL;
  const char *mode = op->arg[0].text + 1;
  launch->terminal = strcmp(mode, "terminal") == 0 || strcmp(mode, "terminal-null") == 0;
  launch->relay_stdin = strcmp(mode, "pipe") == 0 || strcmp(mode, "terminal") == 0;
  return launch->terminal || launch->relay_stdin || strcmp(mode, "null") == 0 ? 0 : -EINVAL;
}

/* A pipe for a stream: the one end outer's, the other for somebody else. */
static int make_pipe(struct launch *launch, int stream, int *ret_other) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  launch->outer_end[stream] = ends[stream == 0];
  *ret_other = ends[stream > 0];
  return 0;
}

static int make_client_pipes(struct launch *launch, int fds[ATTACH_FDS]) {
  int error = 0;
  for (int i = 0; i < ATTACH_FDS; i++) fds[i] = -1;
  for (int stream = launch->client_stdin ? 0 : 1; stream < (launch->terminal ? 2 : 3) && !error; stream++)
    error = make_pipe(launch, stream, &fds[stream]);
  /* A pause of the reader shall not cut it off at once; the default is what there is when the user has used up his share. */
  for (int stream = 1; stream < 3 && !error; stream++)
    if (fds[stream] >= 0) (void)fcntl(fds[stream], F_SETPIPE_SZ, CLIENT_PIPE);
  return error;
}

/* The connection waits with what outer says in it until the monitor takes it, so nothing of the payload's output is missed. */
static int make_client(struct launch *launch) {
  int fds[ATTACH_FDS];
  int error = make_client_pipes(launch, fds);
  if (!error && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, launch->client) < 0) error = -errno;
  return error ? error : attach_streams(launch->client[0], fds);
}

int streams_attach(struct launch *launch) {
  int fds[ATTACH_FDS];
  int error = make_client_pipes(launch, fds);
  if (!error && pipe2(launch->status, O_CLOEXEC) < 0) error = -errno;
  if (error) return error;
  fds[ATTACH_REPORT] = launch->status[1];
  launch->status[1] = -1;
  return attach_streams(launch->client[0], fds);
}

int streams_make(struct launch *launch) {
  const char *attach = values_get(&launch->plan.values, "attach");
  if (is_supervised(launch)) {
    launch->client_stdin = attach && strcmp(attach, "all") == 0 && launch->relay_stdin;
    launch->keep_signals = values_get(&launch->plan.values, "keep-signals");
    launch->detach_keys = values_get(&launch->plan.values, "detach-keys");
    return attach ? make_client(launch) : 0;
  }
  int error = 0;
  for (int stream = launch->relay_stdin ? 0 : 1; stream < 3 && !launch->terminal && !error; stream++)
    error = make_pipe(launch, stream, &launch->payload_end[stream]);
  return error;
}

void streams_close_others(struct launch *launch) {
  for (int stream = 0; stream < 3; stream++) {
    close_fd(&launch->payload_end[stream]);
    close_fd(&launch->kept_end[stream]);
    launch->payload_end[stream] = launch->kept_end[stream] = -1;
  }
  int *const others[] = {&launch->client[1], &launch->terminal_from, &launch->terminal_to, &launch->listen_fd,
                         &launch->log.fd, &launch->hold_fd};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    close_fd(others[i]);
    *others[i] = -1;
  }
}

/* Under SELinux a descriptor that the payload may not use becomes its null device at exec, and output is lost in silence. Of a
 * pipe either end is the pipe. */
int op_stdio(struct stage_state *state, const struct op *op) {
  struct launch *launch = state->launch;
  int error = is_supervised(launch) ? supervise_streams(launch) : 0;
  for (int stream = 0; *op->arg[1].text && stream < 3 && !error; stream++)
    if (launch->payload_end[stream] >= 0) error = label_file(launch->payload_end[stream], op->arg[1].text);
  return error;
}
