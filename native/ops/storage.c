/* Ops on storage: overlay mounts by the kernel or by fuse-overlayfs(1), and taking a container's files away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../launch.h"
#include "paths.h"

/* mount(2) by hand: sys/mount.h and linux/mount.h do not go together. */
#define MS_NOSUID 2
#define MS_NODEV 4
extern int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

#define MAX_OPTIONS 4096 /* mount(2) takes one page of data */

/* The options are one text: a comma, or a backslash which escapes, in a path would make other options of it. */
static int overlay_options(const struct op *op, unsigned first, const char *more, char *ret_options) {
  if (strpbrk(op->arg[first].text, ",\\")) return -EINVAL;
  for (unsigned i = first + 1; i < first + 3; i++)
    if (strpbrk(op->arg[i].text, ",:\\")) return -EINVAL;
  int length = snprintf(ret_options, MAX_OPTIONS, "lowerdir=%s,upperdir=%s,workdir=%s%s%s", op->arg[first].text,
                        op->arg[first + 1].text, op->arg[first + 2].text, *more ? "," : "", more);
  return length < MAX_OPTIONS ? 0 : -E2BIG;
}

/* A context has commas between its categories, so it stands in quotes (mount(8), context=). */
static int add_context(const char *more, const char *context, size_t size, char *ret_more) {
  if (strpbrk(context, "\"\\")) return -EINVAL;
  const char *comma = *more && *context ? "," : "", *key = *context ? "context=\"" : "", *end = *context ? "\"" : "";
  int length = snprintf(ret_more, size, "%s%s%s%s%s", more, comma, key, context, end);
  return length >= 0 && (size_t)length < size ? 0 : -E2BIG;
}

int op_overlay(struct stage_state *state, const struct op *op) {
  char options[MAX_OPTIONS], more[512];
  (void)state;
  int error = add_context(op->arg[4].text, op->arg[5].text, sizeof more, more);
  if (!error) error = overlay_options(op, 0, more, options);
  if (error) return error;
  return mount("overlay", op->arg[3].text, "overlay", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

/* Shows the caller what a failed program wrote; a successful one's remarks stay unsaid. */
static void show_complaint(int complaint_fd) {
  char text[1024];
  ssize_t length = pread(complaint_fd, text, sizeof text, 0);
  if (length > 0 && write(2, text, (size_t)length) < 0) return;
}

_Noreturn static void exec_fuse_overlayfs(const struct op *op, char *options, int complaint_fd) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  char *argv[] = {(char *)(uintptr_t)"fuse-overlayfs", (char *)(uintptr_t)"-o", options,
                  (char *)(uintptr_t)op->arg[4].text, NULL};
  if (dup2(complaint_fd, 2) < 0) _exit(126);
  execve(op->arg[0].text, argv, (char *[]){(char *)(uintptr_t)"PATH=/usr/bin:/bin", NULL});
  _exit(127);
}

/* fuse-overlayfs forks its daemon once the mount answers, so its exit means mounted. The daemon is adopted by the session,
 * pid 1 here, and ends with it. */
int op_fuse_overlayfs(struct stage_state *state, const struct op *op) {
  char options[MAX_OPTIONS];
  int error = overlay_options(op, 1, op->arg[5].text, options);
  if (error) return error;
  autoclose int complaint_fd = memfd_create("fuse-overlayfs", MFD_CLOEXEC);
  if (complaint_fd < 0) return -errno;
  pid_t pid = fork();
  if (pid < 0) return -errno;
  if (pid == 0) exec_fuse_overlayfs(op, options, complaint_fd);
  int status = wait_for(pid);
  state->detail = (uint32_t)status;
  if (status != 0) {
    show_complaint(complaint_fd);
    return status == 127 << 8 ? -ENOENT : -EIO;
  }
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  long set = syscall(SYS_mount_setattr, AT_FDCWD, op->arg[4].text, 0, &attr, sizeof attr);
  return set < 0 ? -errno : 0;
}

/* What was never mounted needs no unmount: clean-up runs after a failure at any op. */
int op_unmount(struct stage_state *state, const struct op *op) {
  (void)state;
  return umount2(op->arg[0].text, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT ? -errno : 0;
}

static int remove_below(int parent_fd, const char *name, unsigned depth);

static int remove_entries(int fd, unsigned depth) {
  DIR *directory = fdopendir(fd);
  if (!directory) {
    int error = -errno;
    close(fd);
    return error;
  }
  int error = 0;
  for (struct dirent *entry; !error && (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    error = remove_below(dirfd(directory), entry->d_name, depth);
  }
  closedir(directory);
  return error;
}

/* Depth is bounded by the descriptors it takes, one a level; deeper trees are refused rather than half walked. */
static int remove_below(int parent_fd, const char *name, unsigned depth) {
  if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return -errno;
  if (depth >= 900) return -ELOOP;
  int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = remove_entries(fd, depth + 1);
  if (error) return error;
  return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int remove_content(int fd) { return remove_entries(fd, 0); }

int op_remove(struct stage_state *state, const struct op *op) {
  (void)state;
  return remove_below(AT_FDCWD, op->arg[0].text, 0);
}
