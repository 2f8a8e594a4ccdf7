/* Small texts that the launcher writes for a plan: records and events as JSON. Their wording is the plan's alone; values come
 * in escaped as JSON, so that none can be more than a string.
 *
 *   \1 NAME \2  the value of that name           \3 NAME \2  all values of that name, as the inside of a JSON array
 *   \4 NAME \2  all of them, joined by spaces    NAME may end in `:N`, the most bytes, and what is longer is cut and marked
 */
#pragma once
#include "values.h"

#define COMPOSE_MAX (256u << 10)

/* A new text that the caller frees. 0, -EINVAL for a malformed composition, -ENOENT for a value that is not there, -E2BIG. */
int compose(const char *composition, const struct values *values, char **ret_text);
