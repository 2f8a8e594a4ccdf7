#include "run-values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct path {
  const char *name, *below, *file;
};

static const struct path CONTAINER_PATHS[] = {
    {"upper", "directory", "upper"},   {"work", "directory", "work"},
    {"merged", "directory", "merged"}, {"hosts", "directory", "hosts"},
    {"hostname-file", "directory", "hostname"}, {"resolver-file", "directory", "resolv.conf"},
    {"state-file", "directory", "state.json"},
    {"record-file", "directory", "container.json"},
    {"launch-file", "directory", "launch"},
    {"log-file", "directory", "ctr.log"},
};
static const struct path CGROUP_PATHS[] = {
    {"monitor", "scope", "monitor"},
    {"cgroup", "scope", "container"},
    {"payload", "cgroup", "payload"},
    {"storage", "cgroup", "storage"},
};

static int set_paths(struct values *values, const struct path *paths, size_t count) {
  int error = 0;
  for (size_t i = 0; i < count && !error; i++)
    error = values_set_path(values, paths[i].name, values_get(values, paths[i].below), paths[i].file);
  return error;
}

int set_run_values(struct launch *launch, const char *scope_parent) {
  struct values *values = &launch->plan.values;
  const char *store = values_get(values, "store"), *id = values_get(values, "id");
  char name[128];
  if (!store || !id) return 0;
  snprintf(name, sizeof name, "containers/%s", id);
  int error = values_set_path(values, "directory", store, name);
  if (!error) error = set_paths(values, CONTAINER_PATHS, sizeof CONTAINER_PATHS / sizeof *CONTAINER_PATHS);
  const char *parent = scope_parent ? scope_parent : values_get(values, "scope-parent");
  if (error || !parent || !*parent) return error;
  snprintf(name, sizeof name, "iso-%.12s.scope", id);
  error = values_set_path(values, "scope", parent, name);
  return error ? error : set_paths(values, CGROUP_PATHS, sizeof CGROUP_PATHS / sizeof *CGROUP_PATHS);
}

int read_start_time(pid_t pid, char ret_text[32]) {
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t length = read(fd, text, sizeof text - 1);
  if (length <= 0) return -ESRCH;
  text[length] = 0;
  /* The command's name, field 2, may hold spaces and parentheses. */
  char *at = strrchr(text, ')'), *rest = NULL;
  if (!at) return -EBADMSG;
  unsigned field = 3;
  for (char *word = strtok_r(at + 1, " ", &rest); word; word = strtok_r(NULL, " ", &rest), field++) {
    if (field != 22) continue;
    snprintf(ret_text, 32, "%s", word);
    return 0;
  }
  return -EBADMSG;
}
