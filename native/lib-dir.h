/* Where the toolkit's programs lie: beside this one, whatever name it was started under. */
#pragma once
#include <stddef.h>

/* The path of a file there. 0 or -errno. */
int lib_path(const char *file, size_t size, char *ret_path);
