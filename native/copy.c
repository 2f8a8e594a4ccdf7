#include "copy.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed;

void copy_complain(const char *what, const char *path, int error) {
  failed = true;
  (void)fprintf(stderr, "cannot %s %s: %s\n", what, path, strerror(error));
}

unsigned tar_checksum(const struct tar_header *header) {
  const unsigned char *bytes = (const unsigned char *)header;
  const size_t from = offsetof(struct tar_header, checksum), to = from + sizeof header->checksum;
  unsigned sum = 0;
  for (size_t i = 0; i < TAR_BLOCK; i++) sum += i >= from && i < to ? ' ' : bytes[i];
  return sum;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "pack") == 0) {
    tar_pack(argv[2], argv[3]);
  } else if (argc == 6 && strcmp(argv[1], "unpack") == 0) {
    tar_unpack(argv[2], argv[3], (uid_t)strtoul(argv[4], NULL, 10), (gid_t)strtoul(argv[5], NULL, 10));
  } else {
    (void)fprintf(stderr, "iso-copy: started by iso-run cp; not for people\n");
    return 125;
  }
  return failed ? 1 : 0;
}
