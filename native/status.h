/* The launcher's report: fixed records on descriptor 4, read by TypeScript, which holds the plan and makes the words. */
#pragma once
#include <stdint.h>

#define STATUS_FD 4

enum status_kind {
  STATUS_READY = 1, /* written just before execve: with no FAIL after it, exec succeeded */
  STATUS_FAIL = 2,  /* op `index` failed with errno `error`; `detail` is a helper's wait status or 0 */
  STATUS_START = 3, /* `detail` is the host pid of the container's pid 1 */
  STATUS_EXIT = 4,  /* `detail` is the payload's wait status; from the outer process, the killed session's */
  STATUS_LOST = 5,  /* output could not be written to the caller's descriptor `index` */
};

enum role { ROLE_OUTER = 1, ROLE_SESSION = 2, ROLE_CONTAINER = 3 };

struct status_record {
  uint32_t kind;
  uint32_t role;
  uint32_t index;
  uint32_t detail;
  int32_t error;
};

/* One write of one record; a pipe takes it whole. */
void status_write(enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error);
