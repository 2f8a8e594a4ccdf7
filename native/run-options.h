/* The options of `iso-run run` as the front reads them: what shapes a plan goes into the key of its cache entry, what differs
 * from run to run becomes a value. Whatever it does not understand is Node's to read and to refuse. */
#pragma once
#include "values.h"

#define RUN_KEY_MAX (64u << 10)

struct run_options {
  char key[RUN_KEY_MAX];
  unsigned key_size;
  struct values values; /* of this run; texts of argv are not copied */
  const char *name, *hostname;
  const char *sources[VALUES_MAX]; /* of volumes, by number */
  unsigned volumes, variables, labels;
  bool quiet; /* no warnings */
  bool detach;
};

/* Reads what follows `run`. 0, or -ENOTSUP for Node. */
int run_options_read(char **argv, struct run_options *ret);

/* Prints the table, for the test that compares it with commander's options. */
void run_options_print(void);
