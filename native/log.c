#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sync.h"

/* Text of one record at most; a longer line becomes several. */
#define TEXT_MAX 8192
#define HEAD_MAX 64
/* A number for each file must fit behind the name. */
#define PATH_ROOM 4200

/* Records that are not written yet, and how many bytes of output they carry. */
static char batch[2 * TEXT_MAX];
static size_t batch_size, batch_output;

/* A regular file of the user's own without another name: nothing that is put there can send the log elsewhere, or hold it up. */
static int open_file(const char *path, int more_flags) {
  struct stat stat;
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | more_flags, 0600);
  if (fd < 0) return -errno;
  if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_nlink == 1 && stat.st_uid == geteuid()) return fd;
  close(fd);
  return -EPERM;
}

int log_open(struct log *log, const char *path, uint64_t max_size, unsigned max_files) {
  int fd = open_file(path, 0);
  if (fd < 0) return fd;
  off_t end = lseek(fd, 0, SEEK_END);
  *log = (struct log){.fd = fd, .path = path, .size = end > 0 ? (uint64_t)end : 0, .max_size = max_size,
                      .max_files = max_files};
  return 0;
}

static int numbered(const char *path, unsigned number, char ret_path[PATH_ROOM]) {
  int length = number ? snprintf(ret_path, PATH_ROOM, "%s.%u", path, number) : snprintf(ret_path, PATH_ROOM, "%s", path);
  return length > 0 && length < PATH_ROOM ? 0 : -ENAMETOOLONG;
}

/* The new file is there before an old one moves, so that a full disk leaves all as it was. */
static int rotate(struct log *log) {
  char fresh[PATH_ROOM], from[PATH_ROOM], to[PATH_ROOM];
  int length = snprintf(fresh, sizeof fresh, "%s.new", log->path);
  if (length < 0 || (size_t)length >= sizeof fresh) return -ENAMETOOLONG;
  int fd = open_file(fresh, O_TRUNC);
  if (fd < 0) return fd;
  int error = 0;
  for (unsigned number = log->max_files - 1; number > 0 && !error; number--) {
    error = numbered(log->path, number - 1, from);
    if (!error) error = numbered(log->path, number, to);
    if (!error && rename(from, to) < 0 && errno != ENOENT) error = -errno;
  }
  if (!error && rename(fresh, log->path) < 0) error = -errno;
  if (error) {
    close(fd);
    return error;
  }
  close(log->fd);
  log->fd = fd;
  log->size = 0;
  return 0;
}

/* All of it or, on a full disk, nothing: half a record would spoil the next one. */
static int append(struct log *log, const char *bytes, size_t size) {
  if (log->size > 0 && log->size + size > log->max_size) {
    int error = rotate(log);
    if (error) return error;
  }
  size_t done = 0;
  while (done < size) {
    ssize_t put = write(log->fd, bytes + done, size - done);
    if (put < 0) break;
    done += (size_t)put;
  }
  int error = done < size ? -errno : 0;
  if (error && done > 0 && ftruncate(log->fd, (off_t)log->size) == 0) done = 0;
  log->size += done;
  return error;
}

static int format_head(char ret_head[HEAD_MAX], int stream, char kind) {
  struct timespec now;
  struct tm parts;
  char seconds[32];
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (!gmtime_r(&now.tv_sec, &parts)) return 0;
  strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
  return snprintf(ret_head, HEAD_MAX, "%s.%09ldZ %s %c ", seconds, now.tv_nsec, stream == 1 ? "stdout" : "stderr", kind);
}

/* In the log itself, where a reader misses it. */
static int tell_loss(struct log *log) {
  char line[HEAD_MAX + 256];
  int length = format_head(line, 2, 'F');
  int more = snprintf(line + length, sizeof line - (size_t)length, "iso-run: %llu bytes of output were lost here: %s\n",
                      (unsigned long long)log->lost, strerror(log->lost_error));
  return append(log, line, (size_t)(length + more));
}

static void flush(struct log *log) {
  int error = 0;
  if (log->lost > 0) error = tell_loss(log);
  if (!error) {
    log->lost = 0;
    error = append(log, batch, batch_size);
  }
  if (error) {
    log->lost += batch_output;
    log->lost_error = -error;
  }
  batch_size = batch_output = 0;
}

static void add_record(struct log *log, int stream, char kind, const char *text, size_t size) {
  char head[HEAD_MAX];
  size_t length = (size_t)format_head(head, stream, kind);
  if (batch_size + length + size + 1 > sizeof batch) flush(log);
  memcpy(batch + batch_size, head, length);
  memcpy(batch + batch_size + length, text, size);
  batch_size += length + size;
  batch[batch_size++] = '\n';
  batch_output += size + (kind == 'F');
}

void log_close(struct log *log) {
  if (log->fd < 0) return;
  if (log->lost > 0) (void)tell_loss(log);
  close(log->fd);
  log->fd = -1;
}

void log_write(struct log *log, int stream, const char *bytes, size_t size) {
  if (log->fd < 0) return;
  while (size > 0) {
    size_t most = size < TEXT_MAX ? size : TEXT_MAX;
    const char *end = memchr(bytes, '\n', most);
    size_t text = end ? (size_t)(end - bytes) : most;
    add_record(log, stream, end ? 'F' : 'P', bytes, text);
    bytes += text + (end != NULL);
    size -= text + (end != NULL);
  }
  flush(log);
}
