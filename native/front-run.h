/* `iso-run run` and `iso-run exec` without Node: the plan of an earlier one of the same shape, launched with the values of this. */
#pragma once

/* Launches and returns the exit status, or returns -1 when Node has to: it then compiles, and stores the plan under the key that
 * is left in the environment (ISO_RUN_KEY). May execute Node to explain a failure, with the arguments given. */
int front_run(const char *command, char **argv, char *const explain[]);
