/* Attaching to a supervised container: a connection to the socket in its directory. The monitor says once, to those it takes,
 *
 *   G  whether the payload has a terminal, and a standard input that is open
 *
 * and the client
 *
 *   A  which streams it has, with the monitor's ends of their pipes as descriptors
 *   W  its window's size
 *   S  a signal for the payload
 *   E  its standard input has ended, and so shall the payload's (of a client from the first on alone)
 *
 * Output and report have pipes of their own, which end with the monitor. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "launch.h"

#define ATTACH_SOCKET "attach"

/* Streams 0 to 2, and the report (status.h) of a client that did not launch the container. */
#define ATTACH_FDS 4
#define ATTACH_REPORT 3

enum attach_kind { ATTACH_GREETING = 'G', ATTACH_STREAMS = 'A', ATTACH_WINDOW = 'W', ATTACH_SIGNAL = 'S', ATTACH_END = 'E' };
enum attach_greeting { ATTACH_HAS_TERMINAL = 1, ATTACH_HAS_STDIN = 2 };

struct attach_message {
  uint8_t kind;
  uint8_t detail; /* a bit for each stream; the signal */
  uint16_t rows, columns;
};

/* Says what streams there are; `fds` has -1 for those that are not, and is closed. 0 or -errno. */
int attach_streams(int client_fd, int fds[ATTACH_FDS]);

/* The others; who is gone needs no telling. */
void attach_window(int client_fd, const struct winsize *size);
void attach_say(int client_fd, enum attach_kind kind, int detail);

/* Attaches to the container in this directory until it ends or the caller leaves; `launch` says how. Exit status; the report is
 * kept (status.h). */
int attach_run(struct launch *launch, const char *directory);
