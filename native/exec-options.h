/* The options of `iso-run exec` as the front reads them: the same for exec as run-options.h for run. */
#pragma once
#include "run-options.h"

/* Reads what follows `exec`: a container by its name or id, and a command. 0, or -ENOTSUP for Node, which reads all others. */
int exec_options_read(char **argv, struct run_options *ret);
