#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int wire_read(int fd, size_t max, unsigned char **ret_bytes, size_t *ret_size) {
  size_t room = 1 << 16, used = 0;
  unsigned char *bytes = malloc(room);
  if (!bytes) return -ENOMEM;
  for (;;) {
    if (used == room) {
      unsigned char *larger = room < max ? realloc(bytes, room * 2) : NULL;
      if (!larger) {
        free(bytes);
        return room < max ? -ENOMEM : -E2BIG;
      }
      bytes = larger;
      room *= 2;
    }
    ssize_t got = read(fd, bytes + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      int error = -errno;
      free(bytes);
      return error;
    }
    if (got == 0) break;
    used += (size_t)got;
  }
  *ret_bytes = bytes;
  *ret_size = used;
  return 0;
}

int wire_next(struct wire *wire, const char **ret_token, size_t *ret_length) {
  size_t left = wire->size - wire->at;
  if (left < 5) return -EBADMSG;
  const unsigned char *at = wire->bytes + wire->at;
  size_t length = (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
  if (length > left - 5 || at[4 + length] != 0) return -EBADMSG;
  *ret_token = (const char *)at + 4;
  *ret_length = length;
  wire->at += 5 + length;
  return 0;
}

int wire_text(struct wire *wire, const char **ret_text) {
  size_t length = 0;
  int error = wire_next(wire, ret_text, &length);
  if (error) return error;
  return memchr(*ret_text, 0, length) ? -EBADMSG : 0;
}

int wire_number(const char *text, uint64_t *ret_number) {
  uint64_t number = 0;
  if (!*text || strlen(text) > 20) return -EBADMSG;
  for (const char *digit = text; *digit; digit++) {
    if (*digit < '0' || *digit > '9') return -EBADMSG;
    if (__builtin_mul_overflow(number, (uint64_t)10, &number)) return -EBADMSG;
    if (__builtin_add_overflow(number, (uint64_t)(*digit - '0'), &number)) return -EBADMSG;
  }
  *ret_number = number;
  return 0;
}
