/* What is done when the payload of a supervised container ends: nothing, or another one is started in its place. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct launch;

struct restart {
  bool always;
  bool on_failure;
  uint64_t most;  /* of a payload that fails; 0 for no bound */
  uint64_t count; /* that were done */
  bool due;
  unsigned delay_ms;
  struct timespec started;
};

/* The payload has begun. */
void restart_begun(struct launch *launch);
/* Decides whether another one follows a payload that ended with this status. */
void restart_decide(struct launch *launch, int code);
/* Waits as long as is fit. False when the container was stopped or removed meanwhile. */
bool restart_wait(struct launch *launch);
