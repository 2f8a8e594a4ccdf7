/* The keys that end an attachment and leave the container alone: a sequence such as `ctrl-p,ctrl-q`. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define DETACH_KEYS_MAX 16

struct detach_keys {
  char key[DETACH_KEYS_MAX];
  size_t count, matched;
};

/* Single characters and `ctrl-` with a letter or one of `[\]^_`, between commas; nothing for none. 0 or -EINVAL. */
int detach_keys_read(struct detach_keys *keys, const char *text);

/* Copies what is no part of the sequence: `from` may hold the beginning of one, which waits for what comes next. `to` has room
 * for DETACH_KEYS_MAX bytes more. How many bytes were copied; *ret_found when the sequence is complete. */
size_t detach_keys_pass(struct detach_keys *keys, const char *from, size_t size, char *to, bool *ret_found);
