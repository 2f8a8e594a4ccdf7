/* Length-prefixed tokens, the one input format of the native programs: u32 little-endian length, the bytes, one NUL. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX_BYTES (8u << 20)

struct wire {
  const unsigned char *bytes;
  size_t size;
  size_t at;
};

/* Reads fd to its end. 0 or -errno; -E2BIG past max bytes. The caller frees *ret_bytes. */
int wire_read(int fd, size_t max, unsigned char **ret_bytes, size_t *ret_size);

/* The next token; it points into the input and is NUL-terminated. 0, or -EBADMSG when the input is cut or overlong. */
int wire_next(struct wire *wire, const char **ret_token, size_t *ret_length);

/* The next token as text: -EBADMSG as well when it holds a NUL byte. */
int wire_text(struct wire *wire, const char **ret_text);

/* A token that is a decimal number of at most 20 digits: 0 or -EBADMSG. */
int wire_number(const char *text, uint64_t *ret_number);
