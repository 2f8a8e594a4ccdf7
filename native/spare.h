/* One monitor made ahead: the network namespace is the dearest thing of a launch and the same for all, so the session keeps a
 * process with one of its own that waits for a caller. It serves one launch and is never used again. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct spare {
  pid_t pid; /* 0 when there is none */
  int channel_fd;
};

/* What the process finds when its launch has come. */
struct spare_launch {
  int peer_fd;      /* the caller */
  bool has_network; /* a new network namespace, with its loopback interface up */
};

/* As fork(2): 0 in the new process, in pid and mount namespaces of its own, once it was given a launch. */
pid_t spare_make(struct spare *spare, struct spare_launch *ret_launch);

/* 0 or -errno; whether it was taken or not, this spare is none any more. */
int spare_give(struct spare *spare, int peer_fd);

/* It has ended, or has to: a spare without its channel does. */
void spare_drop(struct spare *spare);
