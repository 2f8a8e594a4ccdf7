#include "lib-dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lib_path(const char *file, size_t size, char *ret_path) {
  char self[PATH_MAX];
  /* The kernel's own word: no argument or variable has a say (proc(5)). */
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0) return -errno;
  self[length] = 0;
  char *slash = strrchr(self, '/');
  if (!slash) return -ENOENT;
  *slash = 0;
  int put = snprintf(ret_path, size, "%s/%s", self, file);
  return put > 0 && (size_t)put < size ? 0 : -ENAMETOOLONG;
}
