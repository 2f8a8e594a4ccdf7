/* `iso-run run` without Node: the plan of an earlier run of the same shape, launched with this run's values. */
#pragma once

/* Launches and returns the exit status, or returns -1 when Node has to: it then compiles, and stores the plan under the key that
 * is left in the environment (ISO_RUN_KEY). May execute Node to explain a failure, with the arguments given. */
int front_run(char **argv, char *const explain[]);
