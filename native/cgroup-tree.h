/* The cgroup that systemd delegated to the keeper's unit: processes of the session in one leaf, a subtree a container. */
#pragma once
#include <stddef.h>

/* Makes the leaf, moves this process there and hands the controllers down. The path, or an empty text when this process has no
 * cgroup of its own that it may write. */
void cgroup_tree_open(size_t size, char *ret_path);

/* Moves this process back to the leaf and removes a container's subtree. 0 or -errno. */
int cgroup_tree_remove(const char *tree, const char *scope);

/* What the kernel counted under a key of a file of events; 0 where there is none. NULL for no cgroup. */
unsigned long cgroup_count(const char *cgroup, const char *file, const char *key);
