/* iso-copy: files as a tar stream, out of and into the file system that it is started in. `iso-run cp` starts it in a container,
 * where every path and every symlink leads nowhere else (CVE-2018-15664); it is static and opened before, so that nothing of the
 * container is executed.
 *
 *   iso-copy pack PATH NAME            writes PATH to standard output, called NAME there
 *   iso-copy unpack PATH NAME UID GID  reads from standard input what is to lie in PATH, or to become PATH when that is no
 *                                      directory; its first component is then called NAME, unless that is `.`
 *
 * Exit status 0, or 1 after a line on standard error for each thing that could not be copied. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TAR_BLOCK 512
#define TAR_NAME_MAX 8192
/* Deeper trees are refused: each level takes a descriptor. */
#define TAR_MAX_DEPTH 900

/* POSIX.1 ustar, as far as both directions need it. */
struct tar_header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
  char magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a tar header is one block");

/* Of the header as if its own field held spaces. */
unsigned tar_checksum(const struct tar_header *header);

/* Says on standard error what could not be copied, and remembers that something could not. */
void copy_complain(const char *what, const char *path, int error);

void tar_pack(const char *path, const char *name);
void tar_unpack(const char *path, const char *name, uid_t uid, gid_t gid);
