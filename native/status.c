#include "status.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static int pipe_fd = -1;
static struct status_report report;

void status_to(int fd) { pipe_fd = fd; }

static void keep(const struct status_record *record) {
  if (report.count < STATUS_MAX) report.records[report.count++] = *record;
}

void status_write_to(int fd, enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error) {
  struct status_record record = {.kind = kind, .role = role, .index = index, .detail = detail, .error = error};
  if (fd < 0) keep(&record);
  /* Nobody reads when the outer process is gone; then there is nobody to tell. */
  else if (write(fd, &record, sizeof record) < 0) return;
}

void status_write(enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error) {
  status_write_to(pipe_fd, kind, role, index, detail, error);
}

const struct status_report *status_report(void) { return &report; }

int status_read(int fd) {
  struct status_record record;
  ssize_t got = read(fd, &record, sizeof record);
  if (got < 0) return errno == EINTR ? 1 : -errno;
  /* A pipe of records that were each written at once has no half one. */
  if (got != sizeof record) return 0;
  keep(&record);
  return 1;
}

const struct status_record *status_find(enum status_kind kind) {
  for (unsigned i = 0; i < report.count; i++)
    if (report.records[i].kind == kind) return &report.records[i];
  return NULL;
}
