/* The outer process after the start: moves bytes between the caller's streams and the container's, passes signals on, and
 * ends when the session has ended and every byte of output was written. The payload never holds the caller's descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "launch.h"

#define CHUNK (64u << 10)

/* One direction. `held` bytes were read and wait for `to`; splice(2) needs none. */
struct flow {
  int from_fd;
  int to_fd;
  bool open;
  bool copies; /* one end takes no splice */
  bool blocked; /* `to` was full: wait for it before reading on */
  bool close_to; /* `to` is the container's: closing it tells the payload that its input ended */
  size_t held;
  size_t given;
  char buffer[4096]; /* PIPE_BUF: a poll that says writable means this much goes without blocking (pipe(7)) */
};

struct relay {
  struct launch *launch;
  struct flow flow[3];
  int signal_fd;
  int master_fd;
  pid_t container_pid;
  bool ended;
  int exit_status;
  bool raw; /* `saved` is to be restored on `raw_fd` */
  int raw_fd;
  struct termios saved;
};

static void flow_open(struct flow *flow, int from_fd, int to_fd, bool close_to) {
  *flow = (struct flow){.from_fd = from_fd, .to_fd = to_fd, .open = from_fd >= 0 && to_fd >= 0, .close_to = close_to};
}

static void flow_close(struct flow *flow) {
  flow->open = false;
  if (flow->close_to) close_fd(&flow->to_fd);
  /* Closing what we read from tells a writing payload by SIGPIPE that nobody reads; descriptor 0 is the caller's. */
  if (!flow->close_to) close_fd(&flow->from_fd);
  flow->from_fd = flow->to_fd = -1;
}

static void flow_copy(struct flow *flow) {
  if (flow->given == flow->held) {
    ssize_t got = read(flow->from_fd, flow->buffer, sizeof flow->buffer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    /* EIO: the last holder of a pty's other side closed it. */
    if (got <= 0) {
      flow_close(flow);
      return;
    }
    flow->held = (size_t)got;
    flow->given = 0;
    flow->blocked = true;
    return;
  }
  ssize_t put = write(flow->to_fd, flow->buffer + flow->given, flow->held - flow->given);
  if (put < 0 && errno != EAGAIN && errno != EINTR) flow_close(flow);
  if (put <= 0) return;
  flow->given += (size_t)put;
  flow->blocked = flow->given < flow->held;
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
    flow_close(flow);
  }
}

static void copy_window_size(struct relay *relay) {
  struct winsize size;
  for (int fd = 0; fd < 3; fd++) {
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) continue;
    if (relay->master_fd >= 0) ioctl(relay->master_fd, TIOCSWINSZ, &size);
    return;
  }
}

/* The container's terminal does the editing and the line ends, so the caller's does neither. Without -i its input stays as
 * it is, and Ctrl-C with it. */
static void enter_raw_mode(struct relay *relay) {
  relay->raw_fd = relay->launch->relay_stdin ? 0 : 1;
  if (tcgetattr(relay->raw_fd, &relay->saved) < 0) return;
  struct termios raw = relay->saved;
  if (relay->launch->relay_stdin) cfmakeraw(&raw);
  raw.c_oflag &= ~(tcflag_t)OPOST;
  relay->raw = tcsetattr(relay->raw_fd, TCSADRAIN, &raw) == 0;
}

static void take_master(struct relay *relay, int master_fd) {
  relay->master_fd = master_fd;
  fcntl(master_fd, F_SETFL, fcntl(master_fd, F_GETFL) | O_NONBLOCK);
  copy_window_size(relay);
  enter_raw_mode(relay);
  flow_open(&relay->flow[1], master_fd, 1, false);
  relay->flow[1].copies = true;
  if (!relay->launch->relay_stdin) return;
  flow_open(&relay->flow[0], 0, fcntl(master_fd, F_DUPFD_CLOEXEC, 5), true);
  relay->flow[0].copies = true;
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
      relay->container_pid = peer.pid;
      status_write(STATUS_START, ROLE_OUTER, 0, (uint32_t)peer.pid, 0);
    } else if (header->cmsg_type == SCM_RIGHTS) {
      int fd;
      memcpy(&fd, CMSG_DATA(header), sizeof fd);
      take_master(relay, fd);
    }
  }
}

static void read_signal(struct relay *relay) {
  struct signalfd_siginfo info;
  if (read(relay->signal_fd, &info, sizeof info) != sizeof info) return;
  int status = 0;
  switch (info.ssi_signo) {
    case SIGCHLD:
      if (waitpid(relay->launch->session_pid, &status, WNOHANG) != relay->launch->session_pid) return;
      relay->ended = true;
      relay->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 125;
      return;
    case SIGWINCH:
      copy_window_size(relay);
      return;
    default:
      /* Before the container lives, a signal ends the launch. */
      kill(relay->container_pid > 0 ? relay->container_pid : relay->launch->session_pid,
           relay->container_pid > 0 ? (int)info.ssi_signo : SIGKILL);
  }
}

static void open_signals(struct relay *relay) {
  static const int passed[] = {SIGCHLD, SIGWINCH, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) sigaddset(&set, passed[i]);
  relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
  /* All else was blocked at the start and only SIGPIPE must stay away from us. */
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

/* After the end only output counts: input nobody reads any more must not hold us. */
static bool has_work(const struct relay *relay) {
  return !relay->ended || relay->flow[1].open || relay->flow[2].open;
}

static void turn(struct relay *relay) {
  struct pollfd polls[5] = {{.fd = relay->signal_fd, .events = POLLIN},
                            {.fd = relay->launch->control_outer, .events = POLLIN}};
  for (int i = 0; i < 3; i++) {
    const struct flow *flow = &relay->flow[i];
    bool out = flow->blocked;
    polls[2 + i] = (struct pollfd){.fd = flow->open ? (out ? flow->to_fd : flow->from_fd) : -1,
                                   .events = out ? POLLOUT : POLLIN};
  }
  if (poll(polls, 5, -1) < 0) return;
  if (polls[1].revents) read_control(relay);
  for (int i = 0; i < 3; i++)
    if (polls[2 + i].revents && relay->flow[i].open) flow_move(&relay->flow[i]);
  if (polls[0].revents) read_signal(relay);
}

int relay_run(struct launch *launch) {
  static struct relay relay;
  relay = (struct relay){.launch = launch, .master_fd = -1};
  open_signals(&relay);
  if (!launch->terminal) {
    flow_open(&relay.flow[0], launch->relay_stdin ? 0 : -1, launch->pipe[0][1], true);
    flow_open(&relay.flow[1], launch->pipe[1][0], 1, false);
    flow_open(&relay.flow[2], launch->pipe[2][0], 2, false);
  }
  while (has_work(&relay)) turn(&relay);
  if (relay.raw) tcsetattr(relay.raw_fd, TCSADRAIN, &relay.saved);
  return relay.exit_status;
}
