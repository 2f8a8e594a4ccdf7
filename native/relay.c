/* The outer process after the start: moves bytes between the caller's streams and the container's, passes signals on, and
 * ends when the monitor has ended and every byte of output was written. The payload never holds the caller's descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "attach.h"
#include "detach-keys.h"
#include "launch.h"

#define CHUNK (64u << 10)

/* One direction. `held` bytes were read and wait for `to`; splice(2) needs none. */
struct flow {
  int from_fd;
  int to_fd;
  bool open;
  bool copies; /* one end takes no splice */
  bool socket; /* `to` is a socket: splice(2) into one blocks whatever its flags say */
  bool types_end; /* `to` is a terminal's master: the end of input is typed, since closing it would hang up */
  bool blocked; /* `to` was full: wait for it before reading on */
  struct detach_keys *keys; /* that are looked for in what is typed */
  bool left; /* and were found */
  int stream; /* 0: `to` is the container's, and closing it tells the payload that its input ended; 1, 2: the caller's */
  size_t held;
  size_t given;
  char buffer[4096]; /* PIPE_BUF: a poll that says writable means this much goes without blocking (pipe(7)) */
};

struct relay {
  struct launch *launch;
  struct flow flow[3];
  struct detach_keys keys;
  bool says_end; /* the end of the caller's input is the payload's, and is still to be said */
  int signal_fd;
  int master_fd;
  int container_fd; /* pidfd: a number could have become another process's */
  bool ended;
  int interrupted; /* the signal that ended the launch before the container lived */
  int exit_status;
  bool raw; /* `saved` is to be restored on `raw_fd` */
  int raw_fd;
  struct termios saved;
};

static void flow_open(struct flow *flow, int stream, int from_fd, int to_fd) {
  /* Field by field: its buffer, of no use to splice(2), would cost a page. */
  flow->stream = stream;
  flow->from_fd = from_fd;
  flow->to_fd = to_fd;
  flow->open = from_fd >= 0 && to_fd >= 0;
}

static void flow_close(struct flow *flow) {
  flow->open = false;
  /* Closing what we read from tells a writing payload by SIGPIPE that nobody reads; descriptor 0 is the caller's. */
  close_fd(flow->stream == 0 ? &flow->to_fd : &flow->from_fd);
  flow->from_fd = flow->to_fd = -1;
}

/* Output that cannot be written is lost, which the caller must learn; one that reads no more (EPIPE), or whose terminal
 * hung up, knows. */
static void flow_fail(struct flow *flow, int error) {
  bool terminal = flow->to_fd != flow->stream;
  if (flow->stream > 0 && error != EPIPE && !terminal)
    status_write(STATUS_LOST, ROLE_OUTER, (uint32_t)flow->stream, 0, error);
  flow_close(flow);
}

/* Two Ctrl-D: the first hands over a line that lacks its end, the second is the end of the file (termios(3), VEOF). */
static ssize_t type_end(struct flow *flow) {
  flow->types_end = false;
  flow->from_fd = -1;
  memcpy(flow->buffer, "\4\4", 2);
  return 2;
}

/* Into the buffer, less the keys that detach. What is held back of a sequence that is not complete is no end: -1, EAGAIN. */
static ssize_t read_typed(struct flow *flow) {
  char typed[sizeof flow->buffer - DETACH_KEYS_MAX];
  ssize_t got = read(flow->from_fd, typed, sizeof typed);
  if (got <= 0) return got;
  size_t passed = detach_keys_pass(flow->keys, typed, (size_t)got, flow->buffer, &flow->left);
  errno = EAGAIN;
  return flow->left ? 0 : passed > 0 ? (ssize_t)passed : -1;
}

static void flow_read(struct flow *flow) {
  ssize_t got = flow->keys ? read_typed(flow) : read(flow->from_fd, flow->buffer, sizeof flow->buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 && flow->types_end && !flow->left) got = type_end(flow);
  /* EIO: the last holder of a pty's other side closed it. */
  if (got <= 0) {
    flow_close(flow);
    return;
  }
  flow->held = (size_t)got;
  flow->given = 0;
  flow->blocked = true;
}

static void flow_write(struct flow *flow) {
  const char *bytes = flow->buffer + flow->given;
  size_t length = flow->held - flow->given;
  ssize_t put = flow->socket ? send(flow->to_fd, bytes, length, MSG_DONTWAIT) : write(flow->to_fd, bytes, length);
  if (put < 0 && errno != EAGAIN && errno != EINTR) flow_fail(flow, errno);
  if (put <= 0) return;
  flow->given += (size_t)put;
  flow->blocked = flow->given < flow->held;
  if (!flow->blocked && flow->from_fd < 0) flow_close(flow);
}

static void flow_copy(struct flow *flow) {
  if (flow->given == flow->held) flow_read(flow);
  else flow_write(flow);
}

static void flow_move(struct flow *flow) {
  if (flow->copies) {
    flow_copy(flow);
    return;
  }
  ssize_t moved = splice(flow->from_fd, NULL, flow->to_fd, NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) {
    flow->blocked = false;
  } else if (moved == 0) {
    flow_close(flow);
  } else if (errno == EAGAIN) {
    flow->blocked = !flow->blocked;
  } else if (errno == EINVAL) {
    flow->copies = true;
    flow->blocked = false;
  } else if (errno != EINTR) {
    flow_fail(flow, errno);
  }
}

/* A terminal opened anew, so that writing to it need not wait; -1 when it cannot be. Under su(1) its entry in /dev belongs
 * to another user, but /dev/tty is everybody's. */
static int reopen_terminal(int fd) {
  const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  char path[32];
  unsigned wanted = 0, found = 0;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own_fd = open(path, flags);
  if (own_fd >= 0 || ioctl(fd, TIOCGDEV, &wanted) < 0) return own_fd;
  own_fd = open("/dev/tty", flags);
  if (own_fd >= 0 && ioctl(own_fd, TIOCGDEV, &found) == 0 && found == wanted) return own_fd;
  close_fd(&own_fd);
  return -1;
}

/* Opens the way from the container to one of the caller's descriptors. Nothing here may wait for a reader, or no signal
 * would be passed on meanwhile; but the caller's open file and its flags are shared with others, so they stay. */
static void output_open(struct flow *flow, int stream, int from_fd) {
  struct stat stat;
  flow_open(flow, stream, from_fd, stream);
  flow->socket = fstat(stream, &stat) == 0 && S_ISSOCK(stat.st_mode);
  flow->copies = flow->socket;
  int own_fd = isatty(stream) ? reopen_terminal(stream) : -1;
  if (own_fd < 0) return;
  flow->to_fd = own_fd;
  flow->copies = true;
}

static void copy_window_size(struct relay *relay) {
  struct winsize size;
  for (int fd = 0; fd < 3; fd++) {
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) continue;
    if (relay->launch->client[0] >= 0) attach_window(relay->launch->client[0], &size);
    else if (relay->master_fd >= 0) ioctl(relay->master_fd, TIOCSWINSZ, &size);
    return;
  }
}

static bool relays_stdin(const struct relay *relay) {
  return relay->launch->client[0] >= 0 ? relay->launch->client_stdin : relay->launch->relay_stdin;
}

/* The container's terminal does the editing and the line ends, so the caller's does neither. Without -i its input stays as
 * it is, and Ctrl-C with it. */
static void enter_raw_mode(struct relay *relay) {
  relay->raw_fd = relays_stdin(relay) ? 0 : 1;
  if (tcgetattr(relay->raw_fd, &relay->saved) < 0) return;
  struct termios raw = relay->saved;
  if (relays_stdin(relay)) cfmakeraw(&raw);
  raw.c_oflag &= ~(tcflag_t)OPOST;
  relay->raw = tcsetattr(relay->raw_fd, TCSADRAIN, &raw) == 0;
}

static void take_master(struct relay *relay, int master_fd) {
  relay->master_fd = master_fd;
  fcntl(master_fd, F_SETFL, fcntl(master_fd, F_GETFL) | O_NONBLOCK);
  copy_window_size(relay);
  enter_raw_mode(relay);
  output_open(&relay->flow[1], 1, master_fd);
  relay->flow[1].copies = true;
  if (!relay->launch->relay_stdin) return;
  flow_open(&relay->flow[0], 0, 0, fcntl(master_fd, F_DUPFD_CLOEXEC, 5));
  relay->flow[0].copies = relay->flow[0].types_end = true;
}

/* The container's two messages: its pid in the credentials, the pty master as a descriptor. */
static void read_control(struct relay *relay) {
  char byte, control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(relay->launch->control_outer, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) {
    close_fd(&relay->launch->control_outer);
    relay->launch->control_outer = -1;
    return;
  }
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS && byte == 'P') {
      struct ucred peer;
      memcpy(&peer, CMSG_DATA(header), sizeof peer);
      relay->container_fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
      status_write(STATUS_START, ROLE_OUTER, 0, (uint32_t)peer.pid, 0);
    } else if (header->cmsg_type == SCM_RIGHTS) {
      int fd;
      memcpy(&fd, CMSG_DATA(header), sizeof fd);
      take_master(relay, fd);
    }
  }
}

static int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

/* The caller leaves a container that goes on without him. */
static void leave(struct relay *relay) {
  status_write(STATUS_DONE, ROLE_OUTER, 0, 0, 0);
  relay->ended = true;
  for (int i = 0; i < 3; i++)
    if (relay->flow[i].open) flow_close(&relay->flow[i]);
  close_fd(&relay->launch->control_outer);
  relay->launch->control_outer = -1;
}

/* The end of the report is the monitor's. One that a signal ended took a living container with it, and could not report that
 * itself; that of a session is no child of ours, but ends in no other way. */
static void take_end(struct relay *relay) {
  const struct status_record *reported = status_find(STATUS_EXIT);
  int status = SIGKILL;
  pid_t monitor = relay->launch->monitor_pid;
  const bool done = status_find(STATUS_DONE);
  if (monitor > 0 && !done) status = wait_for(monitor);
  relay->ended = true;
  close_fd(&relay->launch->status[0]);
  relay->launch->status[0] = -1;
  if (relay->interrupted) relay->exit_status = 128 + relay->interrupted;
  else if (reported) relay->exit_status = exit_code((int)reported->detail);
  else if (!done) {
    relay->exit_status = exit_code(status);
    if (WIFSIGNALED(status) && relay->container_fd >= 0) status_write(STATUS_EXIT, ROLE_OUTER, 0, (uint32_t)status, 0);
  }
}

static void read_report(struct relay *relay) {
  if (status_read(relay->launch->status[0]) == 0) take_end(relay);
}

/* A signal is the payload's. Before the container lives it ends the launch; after its end, the wait for a reader of what
 * it wrote. */
static void pass_signal(struct relay *relay, int signo) {
  const struct launch *launch = relay->launch;
  /* Without a monitor that was launched from here, it is a container that lived before. */
  const bool lives = !relay->ended && (relay->container_fd >= 0 || launch->monitor_fd < 0);
  if (lives && launch->keep_signals) {
    if (signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT) leave(relay);
    return;
  }
  if (lives) {
    if (relay->container_fd >= 0) syscall(SYS_pidfd_send_signal, relay->container_fd, signo, NULL, 0);
    else attach_say(launch->client[0], ATTACH_SIGNAL, signo);
    return;
  }
  if (signo == SIGCONT) return;
  if (!relay->ended) {
    relay->interrupted = signo;
    syscall(SYS_pidfd_send_signal, relay->launch->monitor_fd, SIGKILL, NULL, 0);
    return;
  }
  for (int i = 1; i < 3; i++)
    if (relay->flow[i].open) flow_close(&relay->flow[i]);
}

static void read_signal(struct relay *relay) {
  struct signalfd_siginfo info;
  if (read(relay->signal_fd, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGWINCH) copy_window_size(relay);
  else pass_signal(relay, (int)info.ssi_signo);
}

static void open_signals(struct relay *relay) {
  static const int passed[] = {SIGWINCH, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) sigaddset(&set, passed[i]);
  relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
  /* All else was blocked at the start and only SIGPIPE must stay away from us. */
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

/* After the end only output counts: input nobody reads any more must not hold us. The terminal's master may still be under
 * way with output in it: the control socket ends when the container's side is gone and all of it was read. */
static bool has_work(const struct relay *relay) {
  return !relay->ended || relay->flow[1].open || relay->flow[2].open || relay->launch->control_outer >= 0;
}

static void turn(struct relay *relay) {
  struct pollfd polls[6] = {{.fd = relay->signal_fd, .events = POLLIN},
                            {.fd = relay->launch->control_outer, .events = POLLIN},
                            [5] = {.fd = relay->launch->status[0], .events = POLLIN}};
  for (int i = 0; i < 3; i++) {
    const struct flow *flow = &relay->flow[i];
    bool out = flow->blocked;
    polls[2 + i] = (struct pollfd){.fd = flow->open ? (out ? flow->to_fd : flow->from_fd) : -1,
                                   .events = out ? POLLOUT : POLLIN};
  }
  if (poll(polls, 6, -1) < 0) return;
  if (polls[1].revents) read_control(relay);
  for (int i = 0; i < 3; i++)
    if (polls[2 + i].revents && relay->flow[i].open) flow_move(&relay->flow[i]);
  /* A terminal whose output nobody reads hangs up, or the payload would wait for ever to write more. */
  if (relay->master_fd >= 0 && !relay->flow[1].open && relay->flow[0].open) flow_close(&relay->flow[0]);
  if (relay->flow[0].left && !relay->ended) leave(relay);
  if (relay->says_end && !relay->flow[0].open) {
    relay->says_end = false;
    attach_say(relay->launch->client[0], ATTACH_END, 0);
  }
  if (polls[0].revents) read_signal(relay);
  if (polls[5].revents) read_report(relay);
}

/* The way to a container that is supervised. */
static void attach_flows(struct relay *relay) {
  const struct launch *launch = relay->launch;
  const bool first = launch->monitor_fd >= 0;
  copy_window_size(relay);
  if (launch->terminal) enter_raw_mode(relay);
  flow_open(&relay->flow[0], 0, launch->client_stdin ? 0 : -1, launch->outer_end[0]);
  for (int stream = 1; stream < 3; stream++) output_open(&relay->flow[stream], stream, launch->outer_end[stream]);
  relay->says_end = first && relay->flow[0].open;
  if (!launch->terminal) return;
  relay->flow[0].copies = true;
  relay->flow[0].types_end = first;
  if (!launch->detach_keys || !isatty(0) || detach_keys_read(&relay->keys, launch->detach_keys)) return;
  if (relay->keys.count > 0) relay->flow[0].keys = &relay->keys;
}

int relay_run(struct launch *launch) {
  static struct relay relay;
  relay.launch = launch;
  relay.master_fd = relay.container_fd = -1;
  open_signals(&relay);
  if (launch->client[0] >= 0) {
    attach_flows(&relay);
  } else if (!launch->terminal && !is_supervised(launch)) {
    flow_open(&relay.flow[0], 0, launch->relay_stdin ? 0 : -1, launch->outer_end[0]);
    for (int stream = 1; stream < 3; stream++) output_open(&relay.flow[stream], stream, launch->outer_end[stream]);
  }
  while (has_work(&relay)) turn(&relay);
  if (relay.raw) tcsetattr(relay.raw_fd, TCSADRAIN, &relay.saved);
  return relay.exit_status;
}
