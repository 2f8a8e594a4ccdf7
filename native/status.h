/* The launcher's report: fixed records, from the launcher's processes to the outer one by a pipe, and from there to who asked
 * for the launch on descriptor 4. TypeScript, which holds the plan, makes the words. */
#pragma once
#include <stdint.h>

#define STATUS_FD 4
#define STATUS_MAX 64

enum status_kind {
  STATUS_READY = 1, /* written just before execve: with no FAIL after it, exec succeeded */
  STATUS_FAIL = 2,  /* op `index` failed with errno `error`; `detail` is a helper's wait status or 0 */
  STATUS_START = 3, /* `detail` is the host pid of the container's pid 1 */
  STATUS_EXIT = 4,  /* `detail` is the payload's wait status; from the outer process, the killed monitor's */
  STATUS_LOST = 5,  /* output could not be written to the caller's descriptor `index` */
  STATUS_DONE = 6,  /* what was asked for is done; what it began goes on without the outer process */
};

enum role { ROLE_OUTER = 1, ROLE_SESSION = 2, ROLE_CONTAINER = 3 };

struct status_record {
  uint32_t kind;
  uint32_t role;
  uint32_t index;
  uint32_t detail;
  int32_t error;
};

struct status_report {
  struct status_record records[STATUS_MAX];
  unsigned count;
};

/* Records of this process go to a pipe from now on; before, and in the outer process always, they are kept. */
void status_to(int fd);

/* One write of one record, which a pipe takes whole; or kept. */
void status_write(enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error);

/* To a pipe of somebody else's. */
void status_write_to(int fd, enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error);

/* What is kept. */
const struct status_report *status_report(void);

/* Keeps what the pipe has: 1, 0 at its end, or -errno (-EAGAIN). */
int status_read(int fd);

/* The first record of this kind that is kept, NULL when there is none. */
const struct status_record *status_find(enum status_kind kind);
