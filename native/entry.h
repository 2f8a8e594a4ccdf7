/*
 * A compiled plan as it is kept for the next run of the same shape (src/run/stored-plans.ts writes it), and the question whether
 * it still holds:
 *
 *   "ISOENTRY1" KEY
 *   N (path stamp)    "device:inode:size:mtime:ctime", times in nanoseconds, or "-" for what was not there
 *   N (path text)     small files of the kernel, and what they said
 *   N path            directories that no volume may show
 *   REFUSE HOME TREE  from this use of the tree's quota on, in percent, nothing is begun; 0 for never
 *   N warning         for people
 *   N (name value)    values that are the same in every run
 *   plan              magic, count and ops, without values
 *   N origin          the option or rule that each op comes from, for errors
 */
#pragma once
#include <stddef.h>

#include "values.h"
#include "wire.h"

struct entry {
  unsigned char *bytes;
  size_t size;
  const char *plan;
  size_t plan_size;
  struct values constants;
  struct wire warnings, hidden; /* at their counts */
};

/* Opens and checks the entry of a key in a directory of plans. 0, or -ENOENT when there is none that holds. */
int entry_open(int plans_fd, const char *key, struct entry *ret);

/* True when this path, real, shows nothing that is hidden and lies in nothing that is. */
bool entry_may_show(const struct entry *entry, const char *path);
