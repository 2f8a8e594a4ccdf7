/* The log of a supervised container: what its payload writes, in the k8s-file format of Podman,
 *
 *   TIME stdout|stderr F|P TEXT
 *
 * one line a record: F is a whole line or the end of one, P a part that has no end yet. Files are rotated by size: FILE is the
 * newest, FILE.1 the one before. A log that cannot be written never holds the payload: what is lost is counted and told later. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct log {
  int fd; /* -1: there is no log */
  const char *path;
  uint64_t size, max_size;
  unsigned max_files; /* all of them, the newest included */
  uint64_t lost;      /* bytes of output that could not be written */
  int lost_error;
};

/* The path must outlive the log. 0 or -errno. */
int log_open(struct log *log, const char *path, uint64_t max_size, unsigned max_files);

/* Of stream 1 or 2. */
void log_write(struct log *log, int stream, const char *bytes, size_t size);

/* Tells what was lost last, if it can, and closes. */
void log_close(struct log *log);
