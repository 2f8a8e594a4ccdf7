/* The cgroup that systemd delegated to the keeper's unit: processes of the session in one leaf, a subtree a container. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Makes the leaf, moves this process there and hands the controllers down. The path, or an empty text when this process has no
 * cgroup of its own that it may write. */
void cgroup_tree_open(size_t size, char *ret_path);

/* Moves this process back to the leaf and removes a container's subtree. 0 or -errno. */
int cgroup_tree_remove(const char *tree, const char *scope);

/* True when the kernel killed processes in it because its memory limit was reached. NULL for no cgroup. */
bool cgroup_oom_killed(const char *cgroup);
