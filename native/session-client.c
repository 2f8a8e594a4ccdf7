#include "session-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "lib-dir.h"
#include "send-fds.h"

#define START_TRIES 100
#define START_WAIT_NS 5000000 /* 5 ms */
#define ANSWER_MS 10000

/* The directory must be nobody else's, or somebody else would answer. */
int open_private(const char *path) {
  struct stat stat;
  if (mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
  int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (fstat(fd, &stat) == 0 && stat.st_uid == geteuid() && (stat.st_mode & 077) == 0) return fd;
  close(fd);
  return -EPERM;
}

/* Through /proc, since a path in a deep home does not fit an address (unix(7)). */
int connect_to(int directory_fd, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory_fd, name);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = -errno;
  close(fd);
  return error;
}

static int run_and_wait(char *const argv[], char *const envp[]) {
  pid_t pid = fork();
  if (pid < 0) return -errno;
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(argv[0], argv, envp);
    _exit(127);
  }
  return wait_for(pid) == 0 ? 0 : -ENOEXEC;
}

/* Where a manager of systemd runs for the user, it starts the keeper as a unit, which has a cgroup of its own. */
static int start_keeper(const char *directory) {
  char runtime[64], manager[96];
  snprintf(runtime, sizeof runtime, "XDG_RUNTIME_DIR=/run/user/%u", geteuid());
  snprintf(manager, sizeof manager, "/run/user/%u/systemd/private", geteuid());
  char *envp[] = {runtime, NULL};
  char *start[] = {(char *)(uintptr_t)"/usr/bin/systemctl", (char *)(uintptr_t)"--user", (char *)(uintptr_t)"start",
                   (char *)(uintptr_t)"--quiet", (char *)(uintptr_t)"iso-keeper.service", NULL};
  if (access(manager, F_OK) == 0) return run_and_wait(start, envp);
  char keeper[4096];
  int error = lib_path("iso-keeper", sizeof keeper, keeper);
  if (error) return error;
  char *fork_it[] = {keeper, (char *)(uintptr_t)directory, NULL};
  return run_and_wait(fork_it, (char *[]){NULL});
}

/* The keeper has them written for its user namespace; newuidmap(1) says whether they are the user's. */
static int write_maps(int directory_fd, const char *uid_map, const char *gid_map) {
  char text[8192], fresh[64];
  int length = snprintf(text, sizeof text, "%s\n%s\n", uid_map, gid_map);
  if (length < 0 || (size_t)length >= sizeof text) return -E2BIG;
  snprintf(fresh, sizeof fresh, SESSION_MAPS ".%d", getpid());
  autoclose int fd = openat(directory_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  if (write(fd, text, (size_t)length) != length) return -EIO;
  return renameat(directory_fd, fresh, directory_fd, SESSION_MAPS) < 0 ? -errno : 0;
}

static int connect_or_start(const char *directory, const char *name, const char *uid_map, const char *gid_map) {
  autoclose int directory_fd = open_private(directory);
  if (directory_fd < 0) return directory_fd;
  int fd = connect_to(directory_fd, name);
  if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED)) return fd;
  int error = write_maps(directory_fd, uid_map, gid_map);
  if (!error) error = start_keeper(directory);
  const struct timespec pause = {.tv_nsec = START_WAIT_NS};
  for (int tries = 0; !error && tries < START_TRIES; tries++) {
    fd = connect_to(directory_fd, name);
    if (fd >= 0) return fd;
    nanosleep(&pause, NULL);
  }
  return error ? error : fd;
}

/* The request as it was decoded: the session's side decodes it itself. */
static int make_request(const struct launch *launch) {
  int fd = memfd_create("iso-request", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  const unsigned char *bytes = launch->plan.bytes;
  for (size_t left = launch->plan.size; left > 0;) {
    ssize_t put = write(fd, bytes, left);
    if (put <= 0) {
      close(fd);
      return -EIO;
    }
    bytes += put;
    left -= (size_t)put;
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0) return fd;
  close(fd);
  return -EIO;
}

static int send_request(const struct launch *launch, int session_fd) {
  autoclose int request_fd = make_request(launch);
  if (request_fd < 0) return request_fd;
  struct session_request request = {.magic = SESSION_MAGIC, .version = SESSION_VERSION};
  int fds[SESSION_MAX_FDS] = {request_fd, launch->status[1], launch->control_container};
  unsigned count = 3;
  for (int stream = 0; stream < 4; stream++) {
    int fd = stream < 3 ? launch->payload_end[stream] : launch->client[1];
    if (fd < 0) continue;
    request.streams |= 1u << stream;
    fds[count++] = fd;
  }
  errno = 0;
  request.nice = getpriority(PRIO_PROCESS, 0);
  for (int i = 0; i < RLIM_NLIMITS; i++)
    if (getrlimit((__rlimit_resource_t)i, &request.limits[i]) < 0) return -errno;
  return send_fds(session_fd, &request, sizeof request, fds, count);
}

/* `M` with the credentials of the monitor that took the launch; anything else and it was not taken. */
static int read_answer(struct launch *launch) {
  char byte = 0, control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct pollfd ready = {.fd = launch->control_outer, .events = POLLIN};
  if (poll(&ready, 1, ANSWER_MS) != 1) return -ETIMEDOUT;
  if (recvmsg(launch->control_outer, &message, MSG_CMSG_CLOEXEC) != 1 || byte != 'M') return -ECONNREFUSED;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) return -EBADMSG;
  struct ucred peer;
  memcpy(&peer, CMSG_DATA(header), sizeof peer);
  launch->monitor_fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
  return 0;
}

int session_launch(struct launch *launch, const char *uid_map, const char *gid_map) {
  const char *directory = values_get(&launch->plan.values, "session");
  if (!directory || !*directory) return -ENOENT;
  autoclose int session_fd = connect_or_start(directory, plan_joins(&launch->plan) ? SESSION_JOIN_SOCKET : SESSION_SOCKET, uid_map, gid_map);
  if (session_fd < 0) return session_fd;
  int error = send_request(launch, session_fd);
  if (error) return error;
  /* Our own copy would keep the answer from ending when nobody else holds it. */
  close_fd(&launch->control_container);
  launch->control_container = -1;
  error = read_answer(launch);
  return error;
}
