/*
 * iso-keeper: holds what must outlive a session: the user namespace with all the user's ids, the socket that launches come
 * to, and the containers' processes, which it adopts when their session dies. It parses nothing but the two id maps.
 *
 *   iso-keeper DIRECTORY                 0 as soon as the socket listens; the keeper itself goes on in the background
 *   iso-keeper --foreground DIRECTORY    for a unit of systemd
 *
 * It starts the session, again whenever one has died and a launch waits, and ends with the last container some time after the
 * last launch.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cgroup-tree.h"
#include "lib-dir.h"
#include "run-stage.h"
#include "session-client.h"

#define BACKLOG 128

struct keeper {
  int directory_fd;
  int listen_fd;
  int join_fd;
  int user_ns_fd;
  pid_t session;
  char maps[2][4096];
  char cgroup[4096]; /* that was delegated to us; empty when none was */
  char label[512];
  char program[4096]; /* of the session */
};

static int read_text(int at_fd, const char *path, size_t size, char *ret_text) {
  autoclose int fd = openat(at_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -errno;
  ssize_t length = read(fd, ret_text, size - 1);
  if (length < 0) return -errno;
  ret_text[length] = 0;
  return 0;
}

/* Two lines: the map of uids and that of gids. */
static int read_maps(struct keeper *keeper) {
  char text[8192];
  int error = read_text(keeper->directory_fd, SESSION_MAPS, sizeof text, text);
  if (error) return error;
  char *rest = NULL, *uid = strtok_r(text, "\n", &rest), *gid = strtok_r(NULL, "\n", &rest);
  if (!uid || !gid || strlen(uid) >= sizeof keeper->maps[0] || strlen(gid) >= sizeof keeper->maps[1]) return -EBADMSG;
  strcpy(keeper->maps[0], uid);
  strcpy(keeper->maps[1], gid);
  return 0;
}

/* One keeper a directory; the lock is held until the keeper ends. */
static int take_lock(int directory_fd) {
  int fd = openat(directory_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int listen_in(int directory_fd, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory_fd, name);
  if (unlinkat(directory_fd, name, 0) < 0 && errno != ENOENT) return -errno;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0) return fd;
  int error = -errno;
  close(fd);
  return error;
}

/* The session is told what it must know of us, since from inside its namespace it could not ask. */
_Noreturn static void exec_session(const struct keeper *keeper) {
  char *argv[] = {(char *)(uintptr_t)"iso-session",
                  (char *)(uintptr_t)keeper->label,
                  (char *)(uintptr_t)keeper->cgroup,
                  (char *)(uintptr_t)keeper->maps[0],
                  (char *)(uintptr_t)keeper->maps[1],
                  NULL};
  /* Neither may lie where the other has to go. */
  int join_fd = fcntl(keeper->join_fd, F_DUPFD_CLOEXEC, SESSION_JOIN_FD + 1);
  if (join_fd >= 0 && dup2(keeper->listen_fd, SESSION_LISTEN_FD) == SESSION_LISTEN_FD && dup2(join_fd, SESSION_JOIN_FD) == SESSION_JOIN_FD)
    execve(keeper->program, argv, (char *[]){NULL});
  _exit(127);
}

/* The first session's namespace is the one that all later ones join. */
static int start_first(struct keeper *keeper) {
  struct sync_pipe mapped;
  char path[64];
  uint32_t detail = 0;
  int error = sync_make(&mapped);
  if (error) return error;
  keeper->session = fork_into(CLONE_NEWUSER);
  if (keeper->session < 0) return keeper->session;
  if (keeper->session == 0) {
    if (sync_wait(&mapped)) _exit(125);
    exec_session(keeper);
  }
  const char *const programs[2] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};
  const char *const maps[2] = {keeper->maps[0], keeper->maps[1]};
  error = write_id_maps(programs, maps, keeper->session, &detail);
  snprintf(path, sizeof path, "/proc/%d/ns/user", keeper->session);
  if (!error) keeper->user_ns_fd = open(path, O_RDONLY | O_CLOEXEC);
  if (!error && keeper->user_ns_fd < 0) error = -errno;
  if (error) kill(keeper->session, SIGKILL);
  else sync_release(&mapped);
  return error;
}

static int start_again(struct keeper *keeper) {
  keeper->session = fork();
  if (keeper->session < 0) return -errno;
  if (keeper->session > 0) return 0;
  if (setns(keeper->user_ns_fd, CLONE_NEWUSER) < 0) _exit(125);
  exec_session(keeper);
}

/* True when the session ended because it had nothing to do and nothing of it is left. */
static bool reap(struct keeper *keeper) {
  int status = 0;
  bool idle = false;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != keeper->session) continue;
    keeper->session = 0;
    idle = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return idle && errno == ECHILD;
}

static int keep(struct keeper *keeper) {
  sigset_t none;
  sigemptyset(&none);
  for (;;) {
    struct pollfd waiting[2] = {{.fd = keeper->session > 0 ? -1 : keeper->listen_fd, .events = POLLIN},
                                {.fd = keeper->session > 0 ? -1 : keeper->join_fd, .events = POLLIN}};
    /* SIGCHLD is let in here and nowhere else. */
    int ready = ppoll(waiting, 2, NULL, &none);
    if (reap(keeper)) break;
    if (ready > 0 && keeper->session <= 0 && start_again(keeper)) return 1;
  }
  (void)unlinkat(keeper->directory_fd, SESSION_SOCKET, 0);
  (void)unlinkat(keeper->directory_fd, SESSION_JOIN_SOCKET, 0);
  return 0;
}

static void on_child(int signo) { (void)signo; }

static int set_up(struct keeper *keeper, const char *directory) {
  keeper->directory_fd = open_private(directory);
  if (keeper->directory_fd < 0) return keeper->directory_fd;
  int error = take_lock(keeper->directory_fd);
  if (error) return error;
  error = lib_path("iso-session", sizeof keeper->program, keeper->program);
  if (!error) error = read_maps(keeper);
  if (error) return error;
  if (read_text(AT_FDCWD, "/proc/self/attr/current", sizeof keeper->label, keeper->label)) keeper->label[0] = 0;
  keeper->label[strcspn(keeper->label, "\n")] = 0;
  cgroup_tree_open(sizeof keeper->cgroup, keeper->cgroup);
  keeper->join_fd = listen_in(keeper->directory_fd, SESSION_JOIN_SOCKET);
  if (keeper->join_fd < 0) return keeper->join_fd;
  /* This one last: who finds it takes the keeper for ready. */
  keeper->listen_fd = listen_in(keeper->directory_fd, SESSION_SOCKET);
  return keeper->listen_fd < 0 ? keeper->listen_fd : 0;
}

static void leave_caller(void) {
  int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) (void)dup2(null_fd, fd);
  setsid();
  if (chdir("/") < 0) return;
}

static void block_signals(void) {
  struct sigaction action = {.sa_handler = on_child};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, NULL);
  sigaction(SIGCHLD, &action, NULL);
}

/* `ready` has a write end only where somebody waits for it. */
static int run(const char *directory, struct sync_pipe *ready) {
  static struct keeper keeper = {.directory_fd = -1, .listen_fd = -1, .join_fd = -1, .user_ns_fd = -1};
  block_signals();
  prctl(PR_SET_NAME, "iso-keeper");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int error = set_up(&keeper, directory);
  if (!error) error = start_first(&keeper);
  /* Another one is already there: it listens, or will. */
  if ((!error || error == -EWOULDBLOCK) && ready->write_fd >= 0) sync_release(ready);
  return error ? error != -EWOULDBLOCK : keep(&keeper);
}

int main(int argc, char **argv) {
  struct sync_pipe ready = {.read_fd = -1, .write_fd = -1};
  const bool foreground = argc == 3 && strcmp(argv[1], "--foreground") == 0;
  if ((argc != 2 && !foreground) || geteuid() == 0 || geteuid() != getuid()) {
    fprintf(stderr, "iso-keeper: started by iso-run for its user; not for people\n");
    return 125;
  }
  (void)syscall(SYS_close_range, 3, ~0u, 0);
  umask(0077);
  if (foreground) return run(argv[2], &ready);
  if (sync_make(&ready)) return 125;
  pid_t pid = fork();
  if (pid < 0) return 125;
  if (pid > 0) return sync_wait(&ready) ? 1 : 0;
  close_fd(&ready.read_fd);
  leave_caller();
  return run(argv[1], &ready);
}
