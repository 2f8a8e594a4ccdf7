/* The static payload of the integration tests: prints as JSON what it sees from inside (`report`), or what the kernel
 * answers to one attempt after the other (`attempts`): 0 when it succeeded, else the errno. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_string(const char *text) {
  putchar('"');
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\') printf("\\%c", *c);
    else if (*c < 32) printf("\\u%04x", *c);
    else putchar(*c);
  }
  putchar('"');
}

static void print_file(const char *key, const char *path) {
  static char text[1 << 18];
  FILE *file = fopen(path, "re");
  size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[length] = 0;
  if (file) fclose(file);
  print_string(key);
  printf(":");
  print_string(text);
  printf(",");
}

static void print_links(const char *key, const char *directory) {
  char path[512], target[512];
  DIR *entries = opendir(directory);
  print_string(key);
  printf(":{");
  const char *comma = "";
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    printf("%s", comma);
    print_string(entry->d_name);
    printf(":");
    print_string(target);
    comma = ",";
  }
  printf("},");
  if (entries) closedir(entries);
}

static int report(char **argv) {
  char name[256] = "", cwd[4096] = "";
  gid_t groups[256];
  int count = getgroups(256, groups);
  gethostname(name, sizeof name);
  if (!getcwd(cwd, sizeof cwd)) cwd[0] = 0;
  printf("{\"pid\":%d,\"sid\":%d,\"uid\":%d,\"gid\":%d,\"groups\":[", getpid(), getsid(0), getuid(), getgid());
  for (int i = 0; i < count; i++) printf("%s%d", i ? "," : "", groups[i]);
  printf("],\"tty\":[%d,%d,%d],\"umask\":%d,", isatty(0), isatty(1), isatty(2), umask(022));
  static const char *const files[][2] = {{"status", "/proc/self/status"},       {"uidMap", "/proc/self/uid_map"},
                                         {"gidMap", "/proc/self/gid_map"},      {"mountinfo", "/proc/self/mountinfo"},
                                         {"network", "/proc/net/dev"},          {"cgroup", "/proc/self/cgroup"},
                                         {"hosts", "/etc/hosts"},               {"etcHostname", "/etc/hostname"},
                                         {"processes", "/proc/loadavg"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) print_file(files[i][0], files[i][1]);
  print_links("namespaces", "/proc/self/ns");
  print_links("descriptors", "/proc/self/fd");
  print_links("dev", "/dev");
  print_links("interfaces", "/sys/class/net");
  printf("\"env\":[");
  for (char **e = environ; *e; e++) {
    if (e != environ) printf(",");
    print_string(*e);
  }
  printf("],\"argv\":[");
  for (char **a = argv; *a; a++) {
    if (a != argv) printf(",");
    print_string(*a);
  }
  printf("],\"hostname\":");
  print_string(name);
  printf(",\"cwd\":");
  print_string(cwd);
  printf("}\n");
  return 0;
}

static int answer(long result) { return result < 0 ? errno : 0; }

static int try_mount(void) { return answer(mount("none", "/tmp", "tmpfs", 0, "")); }
static int try_new_mount(void) { return answer(syscall(SYS_fsopen, "tmpfs", 0)); }
static int try_unshare_user(void) { return answer(unshare(CLONE_NEWUSER)); }
static int try_unshare_network(void) { return answer(unshare(CLONE_NEWNET)); }
static int try_clone_user(void) {
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return answer(pid);
}
static int try_clone3(void) {
  struct clone_args args = {.exit_signal = SIGCHLD};
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(0);
  return answer(pid);
}
static int try_keyctl(void) { return answer(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)); }
static int try_bpf(void) { return answer(syscall(SYS_bpf, 0, NULL, 0)); }
static int try_userfaultfd(void) { return answer(syscall(SYS_userfaultfd, 0)); }
static int try_io_uring(void) { return answer(syscall(SYS_io_uring_setup, 1, NULL)); }
static int try_perf(void) { return answer(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int try_open_by_handle(void) { return answer(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)); }
static int try_mknod(void) { return answer(mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0))); }
static int try_packet_socket(void) { return answer(socket(AF_PACKET, SOCK_RAW, 0)); }
static int try_vsock(void) { return answer(socket(AF_VSOCK, SOCK_STREAM, 0)); }
/* The 32-bit system calls are open to 64-bit code too; there the family lies in memory, where no filter looks. */
static int try_i386_vsock(void) {
#ifdef __x86_64__
  unsigned *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (args == MAP_FAILED) return errno;
  memcpy(args, (unsigned[]){AF_VSOCK, SOCK_STREAM, 0}, 3 * sizeof *args);
  long result = 0;
  const long socketcall = 102, sys_socket = 1;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(socketcall), "b"(sys_socket), "c"(args) : "memory");
  return result < 0 ? (int)-result : 0;
#else
  return ENOSYS;
#endif
}
static int try_proc_sys(void) { return answer(open("/proc/sys/kernel/core_pattern", O_WRONLY)); }
static int try_sysrq(void) { return answer(open("/proc/sysrq-trigger", O_WRONLY)); }
static int try_cgroup_write(void) { return answer(mkdir("/sys/fs/cgroup/inside", 0755)); }
static int try_sethostname(void) { return answer(sethostname("x", 1)); }
static int try_reboot(void) { return answer(syscall(SYS_reboot, 0, 0, 0, NULL)); }
static int try_chroot_escape(void) {
  /* The classic: a directory descriptor kept over chroot. Succeeds only if .. leads out of the container's root. */
  struct stat root, after;
  if (stat("/", &root) < 0 || mkdir("/tmp/jail", 0700) < 0) return errno;
  int fd = open("/", O_RDONLY | O_DIRECTORY);
  if (chroot("/tmp/jail") < 0) return errno;
  for (int i = 0; i < 64; i++)
    if (fchdir(fd) < 0 || chdir("..") < 0) return errno;
  if (stat(".", &after) < 0) return errno;
  return after.st_dev == root.st_dev && after.st_ino == root.st_ino ? ENOENT : 0;
}
static int try_reopen_stdin_for_writing(void) { return answer(open("/proc/self/fd/0", O_WRONLY)); }
static int try_push_input(void) { return answer(ioctl(0, TIOCSTI, "x")); }

static const struct {
  const char *name;
  int (*attempt)(void);
} attempts[] = {{"mount", try_mount},
                {"fsopen", try_new_mount},
                {"unshare-user", try_unshare_user},
                {"unshare-network", try_unshare_network},
                {"clone-user", try_clone_user},
                {"clone3", try_clone3},
                {"keyctl", try_keyctl},
                {"bpf", try_bpf},
                {"userfaultfd", try_userfaultfd},
                {"io_uring_setup", try_io_uring},
                {"perf_event_open", try_perf},
                {"open_by_handle_at", try_open_by_handle},
                {"mknod-block", try_mknod},
                {"packet-socket", try_packet_socket},
                {"vsock", try_vsock},
                {"i386-vsock", try_i386_vsock},
                {"write-core-pattern", try_proc_sys},
                {"write-sysrq", try_sysrq},
                {"cgroup-mkdir", try_cgroup_write},
                {"sethostname", try_sethostname},
                {"reboot", try_reboot},
                {"reopen-stdin", try_reopen_stdin_for_writing},
                {"push-input", try_push_input},
                {"chroot-escape", try_chroot_escape}};

/* Each in a child of its own: a chroot or a new namespace must not change what the next one finds. */
static int try_all(void) {
  printf("{");
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    fflush(stdout);
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(attempts[i].attempt());
    waitpid(pid, &status, 0);
    printf("%s\"%s\":%d", i ? "," : "", attempts[i].name, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
  printf("}\n");
  return 0;
}

/* Some attempts change the machine where they succeed: outside a container nothing is tried. */
static int outside_container(void) {
  char map[64] = "";
  FILE *file = fopen("/proc/self/uid_map", "re");
  size_t length = file ? fread(map, 1, sizeof map - 1, file) : 0;
  map[length] = 0;
  if (file) fclose(file);
  return length == 0 || strstr(map, "4294967295") != NULL;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "attempts") == 0 && outside_container()) {
    fprintf(stderr, "probe: refusing to try its attempts outside a container\n");
    return 2;
  }
  if (argc == 2 && strcmp(argv[1], "attempts") == 0) return try_all();
  return report(argv);
}
