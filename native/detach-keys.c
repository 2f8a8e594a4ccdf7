#include "detach-keys.h"

#include <errno.h>
#include <string.h>

static int read_key(const char *word, size_t length, char *ret_key) {
  if (length == 1) {
    *ret_key = *word;
    return 0;
  }
  if (length != 6 || strncmp(word, "ctrl-", 5) != 0) return -EINVAL;
  char letter = word[5];
  if (!(letter >= 'a' && letter <= 'z') && !(letter >= '[' && letter <= '_')) return -EINVAL;
  *ret_key = (char)(letter & 0x1f);
  return 0;
}

int detach_keys_read(struct detach_keys *keys, const char *text) {
  *keys = (struct detach_keys){0};
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, ",");
    if (keys->count == DETACH_KEYS_MAX) return -EINVAL;
    int error = read_key(at, length, &keys->key[keys->count++]);
    if (error) return error;
    at += length + (at[length] == ',');
  }
  return 0;
}

size_t detach_keys_pass(struct detach_keys *keys, const char *from, size_t size, char *to, bool *ret_found) {
  size_t put = 0;
  for (size_t i = 0; i < size && !*ret_found; i++) {
    /* What began like the sequence and is none was typed for the container. The keys of a sequence that could begin anew inside
     * itself are given up as a whole. */
    if (keys->matched > 0 && from[i] != keys->key[keys->matched]) {
      memcpy(to + put, keys->key, keys->matched);
      put += keys->matched;
      keys->matched = 0;
    }
    if (keys->count > 0 && from[i] == keys->key[keys->matched]) *ret_found = ++keys->matched == keys->count;
    else to[put++] = from[i];
  }
  return put;
}
