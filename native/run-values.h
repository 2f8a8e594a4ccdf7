/* Values that follow from others: the paths of one container, its cgroups. */
#pragma once
#include <sys/types.h>

#include "launch.h"

/* Of a launch that keeps books: paths below the store, cgroups below the given one (NULL: the plan's own word). 0 or -errno. */
int set_run_values(struct launch *launch, const char *scope_parent);

/* Start time of a process, which with its pid names it for good: field 22 of proc(5) stat. 0 or -errno. */
int read_start_time(pid_t pid, char ret_text[32]);
