#include "status.h"

#include <unistd.h>

void status_write(enum status_kind kind, enum role role, uint32_t index, uint32_t detail, int error) {
  struct status_record record = {.kind = kind, .role = role, .index = index, .detail = detail, .error = error};
  /* Nobody reads when the parent is gone; then there is nobody to tell. */
  if (write(STATUS_FD, &record, sizeof record) < 0) return;
}
