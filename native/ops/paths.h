/* Paths inside the container's root file system, resolved beneath its descriptor by openat2(2), and mounts by descriptor. */
#pragma once
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/types.h>

/* mount(2)'s constants clash with linux/mount.h's; these are the ones used beside it. */
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
extern int umount2(const char *target, int flags);

/* Opens a path as a process whose root is root_fd would, so no symlink of the image leads out. fd or -errno. */
int open_in_root(int root_fd, const char *path, uint64_t flags, uint64_t resolve);

/* Opens a path of the host in which no component is a symlink. fd or -errno; -ELOOP for a symlink. */
int open_real(const char *path, uint64_t flags);

/* Opens the directory that holds path, making it and its parents with mode 0755 where absent; *ret_name is the last
 * component. fd or -errno. */
int open_parent_in_root(int root_fd, const char *path, const char **ret_name);

/* A detached copy of the mount at an open path, with attributes set on all of it. fd or -errno. */
int clone_mount(int path_fd, uint64_t attributes);

/* Attaches a detached mount on an open path. 0 or -errno. */
int attach_mount(int mount_fd, int target_fd);

/* A new mount of a file system type with "key=value,key" data, detached; all in it carries the SELinux context unless that
 * is empty. fd or -errno. */
int create_mount(const char *type, const char *data, const char *context, uint64_t attributes);

/* "ro,nosuid,nodev,noexec" to MOUNT_ATTR_* bits; -EINVAL on an unknown word. */
int parse_attributes(const char *words, uint64_t *ret_attributes);

/* Removes all that is in an open directory, and closes it. 0 or -errno. */
int remove_content(int fd);
