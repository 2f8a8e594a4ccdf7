#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made by ops and by the session's side of a launch. */
static const char *const MADE[] = {
    "directory",     "upper",        "work",      "merged",     "hosts",       "hostname-file", "scope", "monitor",
    "cgroup",        "payload",      "storage",   "pid",        "start-time",  "exit-code",     "oom-killed", "pids-refused", "restarts", "now",   "outcome",
    "started-at",    "state-file",   "record-file", "resolver-file", "launch-file", "log-file",
    "process-label", "shared-label", "file-label", "label-index",
};

static struct value *find(const struct values *values, const char *name) {
  for (unsigned i = values->count; i > 0; i--)
    if (strcmp(values->list[i - 1].name, name) == 0) return &values->list[i - 1];
  return NULL;
}

int values_add(struct values *values, const char *name, const char *text) {
  if (values->count == VALUES_MAX) return -E2BIG;
  if (values->count == values->room) {
    unsigned room = values->room ? values->room * 2 : 32;
    struct value *list = realloc(values->list, room * sizeof *list);
    if (!list) return -ENOMEM;
    values->list = list;
    values->room = room;
  }
  values->list[values->count++] = (struct value){.name = name, .text = text};
  return 0;
}

int values_set(struct values *values, const char *name, const char *text) {
  char *own = strdup(text);
  if (!own) return -ENOMEM;
  struct value *known = find(values, name);
  if (!known) {
    int error = values_add(values, name, own);
    if (error) {
      free(own);
      return error;
    }
    known = &values->list[values->count - 1];
  }
  free(known->own);
  known->text = known->own = own;
  return 0;
}

int values_set_number(struct values *values, const char *name, unsigned long long number) {
  char text[24];
  (void)snprintf(text, sizeof text, "%llu", number);
  return values_set(values, name, text);
}

int values_set_path(struct values *values, const char *name, const char *directory, const char *file) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/%s", directory, file);
  return length > 0 && (size_t)length < sizeof path ? values_set(values, name, path) : -ENAMETOOLONG;
}

const char *values_get(const struct values *values, const char *name) {
  const struct value *known = find(values, name);
  return known ? known->text : NULL;
}

bool values_is_known(const struct values *values, const char *name) {
  for (size_t i = 0; i < sizeof MADE / sizeof *MADE; i++)
    if (strcmp(name, MADE[i]) == 0) return true;
  return find(values, name) != NULL;
}

void values_free(struct values *values) {
  for (unsigned i = 0; i < values->count; i++) free(values->list[i].own);
  free(values->list);
  *values = (struct values){0};
}
