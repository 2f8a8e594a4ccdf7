#include "front-run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "exec-options.h"
#include "launch.h"
#include "run-options.h"
#include "session-client.h"

#define ID_BYTES 32
/* Where Node finds what it has to explain. */
enum { EXPLAIN_ENTRY_FD = 3, EXPLAIN_REPORT_FD = 4, EXPLAIN_VALUES_FD = 5 };

static struct run_options options;
static struct entry entry;
static struct launch the_launch;

/* The home of this uid by the file of accounts: the environment says what anybody likes. */
static int home_of(uid_t uid, size_t size, char *ret_home) {
  FILE *file = fopen("/etc/passwd", "re");
  char line[4096];
  int error = -ENOENT;
  if (!file) return -errno;
  while (error && fgets(line, sizeof line, file)) {
    char *field[7], *rest = line;
    int count = 0;
    while (count < 7 && (field[count] = strsep(&rest, ":\n"))) count++;
    if (count < 6 || strtoul(field[2], NULL, 10) != uid) continue;
    int length = snprintf(ret_home, size, "%s", field[5]);
    error = length > 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
  }
  fclose(file);
  return error;
}

/* Beside the session's socket, which is where only the user can write. */
static int open_plans(void) {
  char path[4300], home[4096];
  struct stat stat;
  snprintf(path, sizeof path, "/run/user/%u", getuid());
  if (lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode) && stat.st_uid == getuid()) {
    snprintf(path, sizeof path, "/run/user/%u/iso/plans", getuid());
  } else {
    if (home_of(getuid(), sizeof home, home)) return -ENOENT;
    snprintf(path, sizeof path, "%s/.local/share/containers/run/plans", home);
  }
  int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (fstat(fd, &stat) == 0 && stat.st_uid == getuid() && (stat.st_mode & 077) == 0) return fd;
  close(fd);
  return -EPERM;
}

static int set_identity(struct values *values) {
  unsigned char bytes[ID_BYTES];
  char id[2 * ID_BYTES + 1], name[160];
  const char *stem = values_get(&entry.constants, "stem");
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes || !stem) return -EIO;
  for (int i = 0; i < ID_BYTES; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
  int length = snprintf(name, sizeof name, "%.120s-%.6s", stem, id);
  if (length < 0 || (size_t)length >= sizeof name) return -E2BIG;
  int error = values_set(values, "id", id);
  if (!error) error = values_set(values, "name", options.name ? options.name : name);
  id[12] = 0;
  if (!error) error = values_set(values, "short-id", id);
  return error ? error : values_set(values, "hostname", options.hostname ? options.hostname : id);
}

struct buffer {
  unsigned char *bytes;
  size_t size, room;
};

static int put(struct buffer *buffer, const void *bytes, size_t size) {
  if (size > WIRE_MAX_BYTES || buffer->size + size > WIRE_MAX_BYTES) return -E2BIG;
  if (buffer->size + size > buffer->room) {
    size_t room = (buffer->size + size) * 2;
    unsigned char *larger = realloc(buffer->bytes, room);
    if (!larger) return -ENOMEM;
    buffer->bytes = larger;
    buffer->room = room;
  }
  memcpy(buffer->bytes + buffer->size, bytes, size);
  buffer->size += size;
  return 0;
}

static int put_text(struct buffer *buffer, const char *text) {
  size_t length = strlen(text);
  unsigned char head[4] = {(unsigned char)length, (unsigned char)(length >> 8), (unsigned char)(length >> 16),
                           (unsigned char)(length >> 24)};
  int error = put(buffer, head, sizeof head);
  return error ? error : put(buffer, text, length + 1);
}

static int put_values(struct buffer *buffer, const struct values *first, const struct values *second) {
  char count[16];
  snprintf(count, sizeof count, "%u", first->count + second->count);
  int error = put_text(buffer, count);
  for (unsigned i = 0; i < first->count + second->count && !error; i++) {
    const struct value *value = i < first->count ? &first->list[i] : &second->list[i - first->count];
    error = put_text(buffer, value->name);
    if (!error) error = put_text(buffer, value->text);
  }
  return error;
}

/* The request that Node would have made for this run. */
static int make_plan(struct plan *ret_plan) {
  struct buffer buffer = {0};
  unsigned at = 0;
  /* A command that joins a container has that one's. */
  int error = values_get(&entry.constants, "id") ? 0 : set_identity(&options.values);
  if (!error) error = put(&buffer, entry.plan, entry.plan_size);
  if (!error) error = put_values(&buffer, &entry.constants, &options.values);
  if (!error) error = plan_decode(buffer.bytes, buffer.size, ret_plan, &at);
  if (error) free(buffer.bytes);
  return error;
}

/* Scripts want a quiet standard error; the trail holds the warnings in any case. */
static void print_warnings(void) {
  struct wire wire = entry.warnings;
  const char *text = NULL;
  uint64_t count = 0;
  if (options.quiet || !isatty(2) || wire_text(&wire, &text) || wire_number(text, &count)) return;
  for (uint64_t i = 0; i < count && !wire_text(&wire, &text); i++) (void)dprintf(2, "iso-run: warning: %s\n", text);
}

typedef int read_function(char **argv, struct run_options *ret);

static int find_plan(char **argv, read_function *read_options) {
  int error = read_options(argv, &options);
  if (error) return error;
  (void)setenv("ISO_RUN_KEY", options.key, 1);
  autoclose int plans_fd = open_plans();
  if (plans_fd < 0) return plans_fd;
  error = entry_open(plans_fd, options.key, &entry);
  for (unsigned i = 0; i < options.volumes && !error; i++)
    if (!entry_may_show(&entry, options.sources[i])) error = -ENOTSUP;
  return error;
}

/* An end that the outer process had to report is that of a monitor which could not clean up after itself. */
static bool went_well(void) {
  const struct status_record *exit = status_find(STATUS_EXIT);
  if (!status_find(STATUS_READY) || status_find(STATUS_FAIL) || status_find(STATUS_LOST)) return false;
  return options.detach ? status_find(STATUS_DONE) != NULL : exit && exit->role == ROLE_SESSION;
}

/* Output that cannot be written is lost, which the caller must learn. */
static int print_id(void) { return dprintf(1, "%s\n", values_get(&options.values, "id")) < 0 ? 125 : 0; }

static int give(int fd, const void *bytes, size_t size) {
  int memory_fd = memfd_create("iso-explain", 0);
  if (memory_fd < 0 || write(memory_fd, bytes, size) != (ssize_t)size || lseek(memory_fd, 0, SEEK_SET) < 0) return -1;
  if (memory_fd == fd) return 0;
  int moved = dup2(memory_fd, fd);
  close(memory_fd);
  return moved < 0 ? -1 : 0;
}

/* Words are Node's, from the same source as those of a launch that it made itself. */
static int explain_failure(int status, char *const explain[]) {
  struct buffer values = {0};
  const struct status_report *report = status_report();
  char text[16];
  snprintf(text, sizeof text, "%d", status);
  if (put_values(&values, &entry.constants, &options.values)) return status;
  if (give(EXPLAIN_ENTRY_FD, entry.bytes, entry.size) || give(EXPLAIN_VALUES_FD, values.bytes, values.size) ||
      give(EXPLAIN_REPORT_FD, report->records, report->count * sizeof *report->records))
    return status;
  (void)setenv("ISO_RUN_STATUS", text, 1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(explain[0], explain, environ);
  return status;
}

int front_run(const char *command, char **argv, char *const explain[]) {
  read_function *read_options = NULL;
  if (strcmp(command, "run") == 0) read_options = run_options_read;
  else if (strcmp(command, "exec") == 0) read_options = exec_options_read;
  (void)unsetenv("ISO_RUN_KEY");
  /* Root has no containers, and says so by Node. */
  if (!read_options || getuid() == 0 || geteuid() != getuid() || find_plan(argv, read_options)) return -1;
  launch_init(&the_launch);
  if (make_plan(&the_launch.plan)) return -1;
  prctl(PR_SET_NAME, "iso-run");
  print_warnings();
  int status = launch_run(&the_launch, LAUNCH_SESSION);
  if (status == LAUNCH_UNDONE) return -1;
  if (!went_well()) return explain_failure(status, explain);
  return options.detach ? print_id() : status;
}
