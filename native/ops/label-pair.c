/* The pair of SELinux categories that one container of a user has alone. See src/lib/selinux-context.ts, which has the
 * same arithmetic: a user's pair lies in the lower half of the categories, a container's in the upper. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../launch.h"
#include "records.h"

#define HALF 512u
#define PAIRS (HALF * (HALF - 1) / 2)
#define LEVEL_SIZE 64

static void pair_at(unsigned index, unsigned *ret_low, unsigned *ret_high) {
  unsigned high = 1;
  while ((high + 1) * high / 2 <= index) high++;
  *ret_low = index - high * (high - 1) / 2;
  *ret_high = high;
}

/* As the kernel writes it, since contexts are read back: runs of three and more are shortened. `categories` ascend. */
static void format_level(const unsigned *categories, unsigned count, char *ret_level) {
  size_t used = (size_t)snprintf(ret_level, LEVEL_SIZE, "s0");
  for (unsigned first = 0, last; first < count; first = last + 1) {
    for (last = first; last + 1 < count && categories[last + 1] == categories[last] + 1; last++) continue;
    used += (size_t)snprintf(ret_level + used, LEVEL_SIZE - used, "%cc%u", first ? ',' : ':', categories[first]);
    if (last == first) continue;
    used += (size_t)snprintf(ret_level + used, LEVEL_SIZE - used, "%cc%u", last - first > 1 ? '.' : ',', categories[last]);
  }
}

static int set_context(struct values *values, const char *name, const char *type, const char *from, const char *to) {
  char context[512];
  int length = snprintf(context, sizeof context, "%s%s%s%s", type, from, *to ? "-" : "", to);
  return length > 0 && (size_t)length < sizeof context ? values_set(values, name, context) : -ENAMETOOLONG;
}

/* label-pair DIRECTORY PROCESS-TYPE FILE-TYPE LOW HIGH: claims a free pair and makes the three contexts of the container.
 * The types come with what stands before them and end in a colon; LOW and HIGH are the user's own pair. */
int op_label_pair(struct stage_state *state, const struct op *op) {
  struct values *values = &state->launch->plan.values;
  const char *id = values_get(values, "id");
  char seed[9] = {0}, name[16], shared[LEVEL_SIZE], own[LEVEL_SIZE];
  unsigned pair[4] = {(unsigned)strtoul(op->arg[3].text, NULL, 10), (unsigned)strtoul(op->arg[4].text, NULL, 10)};
  if (!id || pair[0] >= pair[1] || pair[1] >= HALF) return -EINVAL;
  unsigned start = (unsigned)strtoul(strncpy(seed, id, 8), NULL, 16) % PAIRS, tries = 0;
  int error = -EEXIST;
  for (; error == -EEXIST && tries < PAIRS; tries++) {
    (void)snprintf(name, sizeof name, "%u", (start + tries) % PAIRS);
    error = claim_name(op->arg[0].text, name, id);
    /* A container that is launched again has its pair already. */
    if (error == -EEXIST && holds_name(op->arg[0].text, name, id)) error = 0;
  }
  if (error) return error;
  pair_at((start + tries - 1) % PAIRS, &pair[2], &pair[3]);
  pair[2] += HALF;
  pair[3] += HALF;
  format_level(pair, 2, shared);
  format_level(pair, 4, own);
  error = values_set(values, "label-index", name);
  if (!error) error = set_context(values, "process-label", op->arg[1].text, shared, own);
  if (!error) error = set_context(values, "file-label", op->arg[2].text, own, "");
  return error ? error : set_context(values, "shared-label", op->arg[2].text, shared, "");
}
