/* From ops to functions. */
#pragma once
#include "launch.h"

/* Runs the ops of a stage in order and reports the first that fails. 0 or -errno. */
int run_stage(struct stage_state *state, enum stage stage);

/* Prints the table of ops, for the test that compares it with TypeScript's. */
void print_ops(void);

/* Has both id maps of a process in a new user namespace written. 0 or -errno; *ret_detail is a helper's wait status. */
int write_id_maps(const char *const program[2], const char *const map[2], pid_t target, uint32_t *ret_detail);
