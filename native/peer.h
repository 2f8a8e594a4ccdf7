/* Who may ask the session for a launch. The own uid is no boundary: root of a default container has it too. */
#pragma once
#include <stdbool.h>

struct peer_rules {
  const char *label;    /* security context there; empty without an LSM that has one */
};

/* 0 when the connected process lives in the session's parent user namespace, has its label, and is neither under no_new_privs
 * nor under a filter; -EACCES when not. */
int peer_check(int peer_fd, const struct peer_rules *rules);

/* Whether a connected process has this one's own uid and security label. From inside a pid namespace it cannot be asked for
 * more: its pid has no meaning there. */
bool peer_is_own(int peer_fd);
