/* iso-home: works inside users' homes as those users, on descriptors only. See home.c and home-serve.c for the protocol. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define HOME_MAX_REQUEST (4u << 20)
#define HOME_MAX_REPORT (64u << 20)
#define HOME_MAX_CONTENT (1u << 20)
#define HOME_MAX_COMPONENTS 32
#define HOME_MAX_GROUPS 65536
#define HOME_MAX_WAY 4096

/* What one op found or did. `component` counts from 1 and names the part of the path that failed; 0 is the home itself. */
struct outcome {
  int error;
  unsigned component;
  /* One letter as ls(1) shows it: d, -, l, p, s, c, b; `?` when nothing was seen. */
  char type;
  struct stat stat;
  uint32_t project;
  /* security.selinux as text, empty where the file has none. */
  char label[256];
  /* Until the next op. */
  const char *content;
  size_t content_size;
};

/* The directory that a path led to, and that path's first `length` bytes; fd -1: none. */
struct walked {
  int fd;
  const char *path;
  size_t length;
};

/* Where ops start: the home and the user that this process has become. */
struct home {
  int fd;
  uid_t uid;
  /* Most paths that are looked at lie beside the one before, and the way to them is most of the work. */
  struct walked *last;
  /* Every file and directory is synced as it is written; otherwise the caller ends with a sync op. */
  int syncs_files;
};

/* One decoded request: the op's row in the table, its path, mode or number, content. */
struct request {
  const struct op *op;
  const char *path;
  uint64_t number;
  const char *content;
  size_t content_size;
};

struct op {
  const char *name;
  /* Which arguments follow the path. */
  int has_number, has_content;
  /* After a failed op that changes something, later changes are not tried. */
  int changes;
  int (*act)(const struct home *home, const struct request *request, struct outcome *ret);
};

/* Does one job as its user and writes the report. For a process of its own, child of `parent`: returns its exit status. */
int home_act(const unsigned char *bytes, size_t size, int report_fd, pid_t parent);

/* The row of the table, or NULL. */
const struct op *op_find(const char *name);

/* True for a relative path of 0 to HOME_MAX_COMPONENTS plain components: no empty one, no `.`, no `..`. */
int path_is_plain(const char *path);

/* A home's place below a root directory: starts with a slash. On an error the part that is at fault, and what it is. */
struct way {
  char path[HOME_MAX_WAY];
  struct stat stat;
};

/*
 * Finds a home, with the caller's rights and not the user's: nothing of a user's is walked through, and no link followed
 * but root's. 0 or -errno: -ELOOP for any other link, -EPERM for a part that somebody else than root could change,
 * -EISDIR for the root directory itself.
 */
int way_walk(const char *root, const char *home, struct way *ret);

/*
 * The directory that holds the path's last component, opened one component at a time, following no link and crossing no
 * mount. Every directory on the way must belong to the user. A descriptor that is the home's own until the next such call,
 * or -errno with ret->component set.
 */
int path_open_parent(const struct home *home, const char *path, const char **ret_name, struct outcome *ret);

/* The next path is walked from the home. Before every change, after which a name may mean something else. */
void path_forget(const struct home *home);

/* Opens one name below a directory with openat2(2): no links, no mounts, nothing outside. Descriptor or -errno. */
int path_open_at(int dir_fd, const char *name, int flags, mode_t mode);

/* Fills ret from a descriptor. 0 or -errno. */
int outcome_stat(int fd, struct outcome *ret);

/* Removes what lies below a directory as far as the user may. Counts what is left; -ENOTEMPTY when anything is. */
int tree_empty(int dir_fd, uint64_t *ret_left);
