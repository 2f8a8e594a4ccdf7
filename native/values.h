/* What differs from run to run of one plan: given with the plan, or made by the launcher. Names may repeat: lists. */
#pragma once
#include <stdbool.h>

#define VALUES_MAX 8192
/* What the payload is told to execute, after the plan's own arguments. */
#define VALUE_COMMAND "command"

struct value {
  const char *name;
  const char *text;
  char *own; /* the text, when this table made it */
};

struct values {
  struct value *list;
  unsigned count, room;
};

/* Adds without a copy; both must outlive the table. 0, -E2BIG or -ENOMEM. */
int values_add(struct values *values, const char *name, const char *text);

/* Sets, with a copy of the text; the name must outlive the table. 0, -E2BIG or -ENOMEM. */
int values_set(struct values *values, const char *name, const char *text);
int values_set_number(struct values *values, const char *name, unsigned long long number);
/* The same with two texts joined by `/`. */
int values_set_path(struct values *values, const char *name, const char *directory, const char *file);

/* The text of the last value of this name, NULL when there is none. */
const char *values_get(const struct values *values, const char *name);

/* True for what is in the table and for what the launcher makes on its way. */
bool values_is_known(const struct values *values, const char *name);

void values_free(struct values *values);
