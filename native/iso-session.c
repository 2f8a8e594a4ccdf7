/*
 * iso-session: takes launches from the user's own processes and forks a monitor for each, in the user namespace that the keeper
 * holds. It reads nothing of a launch itself; what a caller is must be decided here, where its pid still has a meaning.
 *
 *   iso-session LABEL CGROUP UID-MAP GID-MAP     listening sockets on descriptors 3 (launches) and 4 (joins)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "peer.h"
#include "run-values.h"
#include "session-client.h"
#include "spare.h"
#include "streams.h"
#include "wire.h"

#define IDLE_MS 30000
#define RECEIVE_SECONDS 5

struct session {
  struct peer_rules rules;
  const char *cgroup;
  const char *maps[2];
  struct spare spare;
  unsigned monitors; /* that have not ended */
};

/* What a caller hands over. */
struct request {
  int peer_fd;
  bool joins; /* it came to the socket of those that join a container */
  struct session_request words;
  int fds[SESSION_MAX_FDS];
};

/* The message's descriptors: request, status, control, then a stream for each bit. Room for seven is room for an eighth, which
 * the kernel delivers. */
static int receive(struct request *ret) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SESSION_MAX_FDS * sizeof(int))];
  } control;
  struct iovec vector = {.iov_base = &ret->words, .iov_len = sizeof ret->words};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  const struct timeval limit = {.tv_sec = RECEIVE_SECONDS};
  if (setsockopt(ret->peer_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) return -errno;
  ssize_t got = recvmsg(ret->peer_fd, &message, MSG_CMSG_CLOEXEC);
  if (got != sizeof ret->words || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return -EBADMSG;
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -EBADMSG;
  const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  if (count > SESSION_MAX_FDS) return -EBADMSG;
  memcpy(ret->fds, CMSG_DATA(header), count * sizeof(int));
  if (ret->words.magic != SESSION_MAGIC || ret->words.version != SESSION_VERSION || ret->words.streams >= 16) return -EPROTO;
  return count == 3u + (unsigned)__builtin_popcount(ret->words.streams) ? 0 : -EBADMSG;
}

/* The caller's bounds, not the session's. */
static int take_bounds(const struct session_request *request) {
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit limit = request->limits[i], now;
    if (getrlimit((__rlimit_resource_t)i, &now) < 0) return -errno;
    /* What the session may not raise: a manager of systemd has fewer descriptors than a login. With anything else less, as
     * after a first launch by a caller with bounds of its own, this session cannot serve. */
    if (limit.rlim_max > now.rlim_max && i != RLIMIT_NOFILE) return -EPERM;
    if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur == now.rlim_cur && limit.rlim_max == now.rlim_max) continue;
    if (setrlimit((__rlimit_resource_t)i, &limit) < 0) return -errno;
  }
  /* A session that was begun by a nicer process cannot serve this caller. */
  return setpriority(PRIO_PROCESS, 0, request->nice) < 0 ? -errno : 0;
}

/* A plan for other ids than the session's, as after a change of /etc/subuid, is not for this session. */
static int check_maps(const struct session *session, const struct plan *plan) {
  const struct op *op = plan_find_host(plan, OP_SESSION);
  if (!op) return -EINVAL;
  bool same = strcmp(op->arg[1].text + 1, session->maps[0]) == 0 && strcmp(op->arg[3].text + 1, session->maps[1]) == 0;
  return same ? 0 : -ESTALE;
}

/* A process that was made ahead has a network namespace of its own: for another network a launch is a direct one. */
static int check_network(const struct plan *plan, bool has_network) {
  for (unsigned i = 0; i < plan->count[STAGE_SESSION]; i++) {
    const struct op *op = &plan->stage[STAGE_SESSION][i];
    if (op->kind == OP_NAMESPACE && strcmp(op->arg[0].text, "=network") == 0) return 0;
  }
  return has_network ? -ENOTSUP : 0;
}

static void place_descriptors(struct launch *launch, const int *fds, uint32_t streams) {
  launch->status[1] = fds[1];
  launch->control_container = fds[2];
  unsigned next = 3;
  for (int stream = 0; stream < 3; stream++)
    if (streams & 1u << stream) launch->payload_end[stream] = fds[next++];
  if (streams & 1u << 3) launch->client[1] = fds[next++];
  launch->in_session = true;
}

/* All that a caller asks, before anything is done for it. */
static int read_request(const struct session *session, struct launch *launch, struct request *ret) {
  unsigned at = 0;
  unsigned char *bytes = NULL;
  size_t size = 0;
  int error = receive(ret);
  if (!error) error = lseek(ret->fds[0], 0, SEEK_SET) < 0 ? -errno : wire_read(ret->fds[0], WIRE_MAX_BYTES, &bytes, &size);
  if (error) return error;
  error = plan_decode(bytes, size, &launch->plan, &at);
  if (error) {
    free(bytes);
    return error;
  }
  if (plan_joins(&launch->plan) != ret->joins) error = -EINVAL;
  if (!error) error = check_network(&launch->plan, launch->has_network);
  if (!error) error = launch_read_mode(launch);
  if (!error) error = streams_read_mode(launch);
  if (!error) error = set_run_values(launch, session->cgroup);
  if (!error) error = values_set(&launch->plan.values, "session-cgroup", session->cgroup);
  return error ? error : check_maps(session, &launch->plan);
}

/* From here on the process is the monitor of one launch, or ends and says nothing, and the caller launches by itself. */
_Noreturn static void serve(const struct session *session, const struct spare_launch *spare_launch, bool joins) {
  static struct launch launch;
  struct request request = {.peer_fd = spare_launch->peer_fd, .joins = joins};
  launch_init(&launch);
  launch.has_network = spare_launch->has_network;
  int error = read_request(session, &launch, &request);
  if (!error) error = take_bounds(&request.words);
  if (error) _exit(125);
  place_descriptors(&launch, request.fds, request.words.streams);
  close(request.fds[0]);
  close(request.peer_fd);
  if (send(launch.control_container, "M", 1, MSG_NOSIGNAL) != 1) _exit(125);
  monitor_main(&launch);
}

static void make_spare(struct session *session) {
  struct spare_launch launch;
  if (session->spare.pid <= 0 && spare_make(&session->spare, &launch) == 0) serve(session, &launch, false);
}

/* Nothing of a caller may be open when a process is made ahead for another. */
static void take_launch(struct session *session) {
  make_spare(session);
  int peer_fd = accept4(SESSION_LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
  if (peer_fd < 0) return;
  if (session->spare.pid > 0 && !peer_check(peer_fd, &session->rules)) {
    /* One that ended meanwhile has not taken it: the caller then launches by itself. */
    (void)spare_give(&session->spare, peer_fd);
    session->monitors++;
  }
  close(peer_fd);
  make_spare(session);
}

/* Its monitor must see the container that is joined, so it is in the session's own pid namespace and none made ahead. */
static void take_join(struct session *session) {
  autoclose int peer_fd = accept4(SESSION_JOIN_FD, NULL, NULL, SOCK_CLOEXEC);
  if (peer_fd < 0 || peer_check(peer_fd, &session->rules)) return;
  pid_t pid = fork();
  if (pid > 0) session->monitors++;
  if (pid != 0) return;
  close(SESSION_LISTEN_FD);
  close(SESSION_JOIN_FD);
  spare_drop(&session->spare);
  serve(session, &(struct spare_launch){.peer_fd = peer_fd}, true);
}

static void reap(struct session *session) {
  for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
    if (pid == session->spare.pid) spare_drop(&session->spare);
    else session->monitors--;
  }
}

static void on_child(int signo) { (void)signo; }

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = on_child};
  const struct timespec idle = {.tv_sec = IDLE_MS / 1000};
  sigset_t all, none;
  if (argc != 5 || fcntl(SESSION_LISTEN_FD, F_GETFD) < 0 || fcntl(SESSION_JOIN_FD, F_GETFD) < 0) return 125;
  static struct session session;
  session = (struct session){.rules = {.label = argv[1]}, .cgroup = argv[2], .maps = {argv[3], argv[4]}};
  prctl(PR_SET_NAME, "iso-session");
  /* Once for all launches: each would read /etc/localtime before its first date. */
  tzset();
  /* Without a keeper nobody would start the next one or adopt what this one leaves. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &all, NULL);
  sigaction(SIGCHLD, &action, NULL);
  sigdelset(&all, SIGCHLD);
  (void)fcntl(SESSION_LISTEN_FD, F_SETFL, O_NONBLOCK);
  (void)fcntl(SESSION_JOIN_FD, F_SETFL, O_NONBLOCK);
  for (;;) {
    struct pollfd waiting[2] = {{.fd = SESSION_LISTEN_FD, .events = POLLIN}, {.fd = SESSION_JOIN_FD, .events = POLLIN}};
    int ready = ppoll(waiting, 2, &idle, &none);
    reap(&session);
    if (ready > 0 && waiting[0].revents) take_launch(&session);
    if (ready > 0 && waiting[1].revents) take_join(&session);
    if (ready == 0 && session.monitors == 0) break;
  }
  /* The keeper ends with its last process: this one must be gone before us. */
  pid_t pid = session.spare.pid;
  spare_drop(&session.spare);
  if (pid > 0) (void)wait_for(pid);
  return 0;
}
