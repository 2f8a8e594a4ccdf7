#include "run-options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync.h"

/* SHAPE: name and value are part of the key. COLD: Node reads more than the option itself. The others are values, as far as
 * their own reader says. */
enum option_class {
  FLAG,
  SHAPE,
  NAME,
  HOSTNAME,
  VARIABLE,
  LABEL,
  VOLUME,
  MOUNT,
  WORKDIR,
  SECURITY,
  QUIET,
  DETACH,
  COLD,
  COLD_FLAG
};

struct option_row {
  const char *name;
  char letter;
  enum option_class class;
};

static const struct option_row OPTIONS[] = {
    /* The container. */
    {"rm", 0, FLAG},
    {"name", 0, NAME},
    {"replace", 0, COLD_FLAG},
    {"label", 'l', LABEL},
    {"label-file", 0, COLD},
    {"stop-signal", 0, SHAPE},
    {"restart", 0, SHAPE},
    {"stop-timeout", 0, SHAPE},
    {"quiet", 'q', QUIET},
    {"storage-driver", 0, SHAPE},
    {"pull", 0, SHAPE},
    {"platform", 0, SHAPE},
    {"direct", 0, COLD_FLAG},
    {"detach", 'd', DETACH},
    {"cidfile", 0, COLD},
    {"pidfile", 0, COLD},
    {"log-driver", 0, SHAPE},
    {"log-opt", 0, SHAPE},
    /* The payload. */
    {"interactive", 'i', FLAG},
    {"tty", 't', FLAG},
    {"entrypoint", 0, SHAPE},
    {"init", 0, FLAG},
    {"env", 'e', VARIABLE},
    {"env-file", 0, COLD},
    {"secret", 0, COLD},
    {"workdir", 'w', WORKDIR},
    {"user", 'u', SHAPE},
    {"group-add", 0, SHAPE},
    {"tz", 0, COLD},
    {"timezone", 0, COLD},
    {"ulimit", 0, SHAPE},
    /* Its confinement. */
    {"cap-add", 0, SHAPE},
    {"cap-drop", 0, SHAPE},
    {"security-opt", 0, SECURITY},
    {"device", 0, COLD},
    {"userns", 0, SHAPE},
    {"privileged", 0, COLD_FLAG},
    /* Mounts. */
    {"volume", 'v', VOLUME},
    {"mount", 0, MOUNT},
    {"tmpfs", 0, SHAPE},
    {"package-config", 0, SHAPE},
    {"shm-size", 0, SHAPE},
    {"read-only", 0, FLAG},
    {"read-only-tmpfs", 0, SHAPE},
    /* Names and the network. */
    {"network", 0, SHAPE},
    {"network-owner", 0, SHAPE},
    {"hostname", 0, HOSTNAME},
    {"add-host", 0, SHAPE},
    {"dns", 0, SHAPE},
    {"dns-search", 0, SHAPE},
    {"dns-option", 0, SHAPE},
    {"sysctl", 0, SHAPE},
    /* Limits. */
    {"memory", 0, SHAPE},
    {"cpus", 0, SHAPE},
    {"memory-reservation", 0, SHAPE},
    {"memory-swap", 0, SHAPE},
    {"memory-swappiness", 0, SHAPE},
    {"oom-score-adj", 0, SHAPE},
    {"cpu-shares", 0, SHAPE},
    {"cpuset-cpus", 0, SHAPE},
    {"cpuset-mems", 0, SHAPE},
    {"pids-limit", 0, SHAPE},
    {"blkio-weight", 0, SHAPE},
    {"device-read-bps", 0, COLD},
    {"device-write-bps", 0, COLD},
    {"device-read-iops", 0, COLD},
    {"device-write-iops", 0, COLD},
};
#define OPTION_COUNT (sizeof OPTIONS / sizeof *OPTIONS)

static bool takes_value(const struct option_row *row) {
  return row->class != FLAG && row->class != DETACH && row->class != COLD_FLAG && row->class != QUIET;
}

static int add_key(struct run_options *options, const char *format, ...) {
  va_list list;
  va_start(list, format);
  size_t room = RUN_KEY_MAX - options->key_size;
  int length = vsnprintf(options->key + options->key_size, room, format, list);
  va_end(list);
  if (length < 0 || (size_t)length >= room) return -ENOTSUP;
  options->key_size += (unsigned)length;
  return 0;
}

/* A number in the name of a value; the names live as long as the program. */
static int add_numbered(struct run_options *options, const char *name, unsigned number, const char *text) {
  char numbered[32];
  snprintf(numbered, sizeof numbered, "%s.%u", name, number);
  char *own = strdup(numbered);
  return own ? values_set(&options->values, own, text) : -ENOMEM;
}

static bool is_name(const char *text, size_t max, const char *more) {
  size_t length = strlen(text);
  if (length == 0 || length > max || !isalnum((unsigned char)*text)) return false;
  for (const char *at = text; *at; at++)
    if (!isalnum((unsigned char)*at) && !strchr(more, *at)) return false;
  return true;
}

/* NAME=VALUE, or NAME for the caller's own value, which may not be there: then the option counts for nothing. */
static int read_variable(struct run_options *options, const char *text) {
  const char *end = strchr(text, '=');
  char assignment[4096];
  size_t length = end ? (size_t)(end - text) : strlen(text);
  for (size_t i = 0; i < length; i++)
    if (isspace((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80) return -ENOTSUP;
  if (length == 0) return -ENOTSUP;
  if (!end) {
    const char *value = getenv(text);
    if (!value) return 0;
    int put = snprintf(assignment, sizeof assignment, "%s=%s", text, value);
    if (put < 0 || (size_t)put >= sizeof assignment) return -ENOTSUP;
    text = assignment;
  }
  int error = add_key(options, "env=%.*s\n", (int)length, text);
  return error ? error : add_numbered(options, "env", options->variables++, text);
}

/* NAME=VALUE or NAME; the name is the record's, the value this run's. */
static int read_label(struct run_options *options, const char *text) {
  const char *end = strchr(text, '=');
  size_t length = end ? (size_t)(end - text) : strlen(text);
  if (length == 0) return -ENOTSUP;
  for (size_t i = 0; i < length; i++)
    if (!isgraph((unsigned char)text[i])) return -ENOTSUP;
  int error = add_key(options, "label=%.*s\n", (int)length, text);
  return error ? error : add_numbered(options, "label", options->labels++, end ? end + 1 : "");
}

/* What is bound is a file of the host, which Node looks at; the others are told by their words alone. */
static int read_mount(struct run_options *options, const char *text) {
  if (strncmp(text, "type=tmpfs,", strlen("type=tmpfs,")) != 0 || strchr(text, '\n')) return -ENOTSUP;
  return add_key(options, "mount=%s\n", text);
}

/* The path as the kernel knows it, by the descriptor that a launch would bind. */
static int read_source(struct run_options *options, const char *source, const char **ret_kind) {
  char link[48], path[4096], identity[64];
  struct stat stat;
  autoclose int fd = open(source, O_PATH | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &stat) < 0) return -ENOTSUP;
  if (!S_ISDIR(stat.st_mode) && !S_ISREG(stat.st_mode)) return -ENOTSUP;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || (size_t)length >= sizeof path - 1 || *path != '/') return -ENOTSUP;
  path[length] = 0;
  snprintf(identity, sizeof identity, "%llu:%llu", (unsigned long long)stat.st_dev, (unsigned long long)stat.st_ino);
  *ret_kind = S_ISDIR(stat.st_mode) ? "directory" : "file";
  int error = add_numbered(options, "volume", options->volumes, path);
  if (!error) error = add_numbered(options, "volume-id", options->volumes, identity);
  if (error) return error;
  char name[32];
  snprintf(name, sizeof name, "volume.%u", options->volumes);
  options->sources[options->volumes++] = values_get(&options->values, name);
  return 0;
}

/* SOURCE:DESTINATION[:WORDS]; what is odd about any of them is Node's to say. */
static int read_volume(struct run_options *options, const char *text) {
  char source[4096];
  const char *colon = strchr(text, ':'), *kind = NULL;
  if (!colon || colon == text || (size_t)(colon - text) >= sizeof source) return -ENOTSUP;
  memcpy(source, text, (size_t)(colon - text));
  source[colon - text] = 0;
  /* Without a slash it could be a volume's name; `..` is taken away by its text in Node and by the kernel's walk here. */
  if ((!strchr(source, '/') && *source != '.') || strstr(source, "..") || *source == '~') return -ENOTSUP;
  int error = read_source(options, source, &kind);
  return error ? error : add_key(options, "volume=%s:%s\n", kind, colon + 1);
}

/* A profile is a file, which Node reads. */
static int read_security(struct run_options *options, const char *text) {
  if (strchr(text, '\n')) return -ENOTSUP;
  if (strncmp(text, "seccomp=", strlen("seccomp=")) == 0 && strcmp(text, "seccomp=unconfined") != 0) return -ENOTSUP;
  return add_key(options, "security-opt=%s\n", text);
}

/* A value of the run; what is given twice is Node's to refuse. */
static int read_once(const char *value, const char **ret) {
  if (*ret) return -ENOTSUP;
  *ret = value;
  return 0;
}

static int take(struct run_options *options, const struct option_row *row, const char *value) {
  switch (row->class) {
    case FLAG: return add_key(options, "%s\n", row->name);
    case SHAPE: return strchr(value, '\n') ? -ENOTSUP : add_key(options, "%s=%s\n", row->name, value);
    case NAME: return is_name(value, 128, "_.-") ? read_once(value, &options->name) : -ENOTSUP;
    case HOSTNAME:
      if (!is_name(value, 64, ".-") || !isalnum((unsigned char)value[strlen(value) - 1])) return -ENOTSUP;
      return read_once(value, &options->hostname);
    case VARIABLE: return read_variable(options, value);
    case LABEL: return read_label(options, value);
    case MOUNT: return read_mount(options, value);
    case VOLUME: return strchr(value, '\n') ? -ENOTSUP : read_volume(options, value);
    case WORKDIR: {
      if (*value != '/' || strlen(value) >= 4096) return -ENOTSUP;
      int error = add_key(options, "workdir\n");
      return error ? error : values_set(&options->values, "workdir", value);
    }
    case SECURITY: return read_security(options, value);
    case QUIET: options->quiet = true; return 0;
    /* The plan is the same. */
    case DETACH: options->detach = true; return values_set(&options->values, "mode", "detached");
    case COLD:
    case COLD_FLAG: return -ENOTSUP;
  }
  return -ENOTSUP;
}

/* --name, --name value, --name=value. Moves *argv over what it took. */
static int read_long(struct run_options *options, char ***argv) {
  const char *word = **argv + 2, *equals = strchr(word, '=');
  size_t length = equals ? (size_t)(equals - word) : strlen(word);
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    const struct option_row *row = &OPTIONS[i];
    if (strncmp(row->name, word, length) != 0 || row->name[length]) continue;
    if (!takes_value(row)) return equals ? -ENOTSUP : take(options, row, "");
    if (equals) return take(options, row, equals + 1);
    (*argv)++;
    return **argv ? take(options, row, **argv) : -ENOTSUP;
  }
  return -ENOTSUP;
}

/* -it, -e value, -evalue. */
static int read_short(struct run_options *options, char ***argv) {
  for (const char *letter = **argv + 1; *letter; letter++) {
    const struct option_row *row = NULL;
    for (size_t i = 0; i < OPTION_COUNT && !row; i++)
      if (OPTIONS[i].letter == *letter) row = &OPTIONS[i];
    if (!row) return -ENOTSUP;
    if (takes_value(row)) {
      if (letter[1]) return take(options, row, letter + 1);
      (*argv)++;
      return **argv ? take(options, row, **argv) : -ENOTSUP;
    }
    int error = take(options, row, "");
    if (error) return error;
  }
  return 0;
}

int run_options_read(char **argv, struct run_options *ret) {
  for (; *argv && **argv == '-'; argv++) {
    int error = -ENOTSUP;
    if (strncmp(*argv, "--", 2) == 0 && (*argv)[2]) error = read_long(ret, &argv);
    else if ((*argv)[1] && (*argv)[1] != '-') error = read_short(ret, &argv);
    if (error || !*argv) return -ENOTSUP;
  }
  if (!*argv || strchr(*argv, '\n')) return -ENOTSUP;
  int error = add_key(ret, "image=%s\n%s", *argv, argv[1] ? "command\n" : "");
  for (char **word = argv + 1; *word && !error; word++) error = values_add(&ret->values, VALUE_COMMAND, *word);
  return error ? -ENOTSUP : 0;
}

void run_options_print(void) {
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    const struct option_row *row = &OPTIONS[i];
    printf("--%s %c %s\n", row->name, row->letter ? row->letter : '-', takes_value(row) ? "value" : "flag");
  }
}
