#include "compose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUT "\xe2\x80\xa6[cut]" /* an ellipsis, as the trail's own encoder marks it */

struct text {
  char *bytes;
  size_t size, room;
  size_t limit; /* of the value that is being put; its bytes before they are escaped */
};

static int put(struct text *text, const char *bytes, size_t length) {
  if (text->size + length + 1 > COMPOSE_MAX) return -E2BIG;
  if (text->size + length + 1 > text->room) {
    size_t room = text->room * 2 > text->size + length + 1 ? text->room * 2 : text->size + length + 1024;
    char *larger = realloc(text->bytes, room);
    if (!larger) return -ENOMEM;
    text->bytes = larger;
    text->room = room;
  }
  memcpy(text->bytes + text->size, bytes, length);
  text->size += length;
  text->bytes[text->size] = 0;
  return 0;
}

static int put_escaped(struct text *text, unsigned char byte) {
  char escape[8];
  if (byte == '"' || byte == '\\') {
    escape[0] = '\\';
    escape[1] = (char)byte;
    return put(text, escape, 2);
  }
  if (byte < 0x20 || byte == 0x7f) return put(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte));
  return put(text, (const char *)&byte, 1);
}

/* Where a value of these bytes may be cut: not inside a character of UTF-8. */
static size_t cut_at(const char *value, size_t limit) {
  while (limit > 0 && ((unsigned char)value[limit] & 0xc0) == 0x80) limit--;
  return limit;
}

static int put_value(struct text *text, const char *value) {
  size_t length = strlen(value), kept = length > text->limit ? cut_at(value, text->limit) : length;
  int error = 0;
  for (size_t i = 0; i < kept && !error; i++) error = put_escaped(text, (unsigned char)value[i]);
  text->limit -= kept;
  return !error && kept < length ? put(text, CUT, sizeof CUT - 1) : error;
}

static int put_list(struct text *text, const struct values *values, const char *name, const char *between,
                    const char *quote) {
  int error = 0;
  unsigned put_count = 0;
  for (unsigned i = 0; i < values->count && !error; i++) {
    if (strcmp(values->list[i].name, name) != 0) continue;
    if (text->limit == 0) break;
    if (put_count++ > 0) error = put(text, between, strlen(between));
    if (!error) error = put(text, quote, strlen(quote));
    if (!error) error = put_value(text, values->list[i].text);
    if (!error) error = put(text, quote, strlen(quote));
  }
  return error;
}

/* One reference; *at is behind its first byte and afterwards behind its last. */
static int put_reference(struct text *text, char kind, const char **at, const struct values *values) {
  char name[64];
  size_t length = strcspn(*at, "\2");
  if ((*at)[length] != 2 || length == 0 || length >= sizeof name) return -EINVAL;
  memcpy(name, *at, length);
  name[length] = 0;
  *at += length + 1;
  char *colon = strchr(name, ':');
  text->limit = colon ? strtoul(colon + 1, NULL, 10) : COMPOSE_MAX;
  if (colon) *colon = 0;
  if (kind == 3) return put_list(text, values, name, ",", "\"");
  if (kind == 4) return put_list(text, values, name, " ", "");
  const char *value = values_get(values, name);
  return value ? put_value(text, value) : -ENOENT;
}

int compose(const char *composition, const struct values *values, char **ret_text) {
  struct text text = {0};
  int error = put(&text, "", 0);
  for (const char *at = composition; *at && !error;) {
    size_t plain = strcspn(at, "\1\3\4");
    error = put(&text, at, plain);
    at += plain;
    if (error || !*at) break;
    char kind = *at++;
    error = put_reference(&text, kind, &at, values);
  }
  if (error) free(text.bytes);
  else *ret_text = text.bytes;
  return error;
}
