/* Who is attached to a supervised container. None of them can hold it up: one that takes nothing for a second is cut off. */
#pragma once
#include <stddef.h>

#include "attach.h"

#define CLIENTS_MAX 16

struct client {
  int peer_fd; /* -1: this place is free */
  int fd[ATTACH_FDS];
  bool known; /* it has said what streams it has */
  bool first; /* from the first on: the end of its input is the payload's */
  bool ends;  /* and has come */
};

struct clients {
  int listen_fd;
  enum attach_greeting greeting;
  struct client list[CLIENTS_MAX];
};

/* A listening socket in a container's directory. Descriptor or -errno. */
int clients_listen(const char *directory);

void clients_init(struct clients *clients, int listen_fd, enum attach_greeting greeting, int first_fd);
void clients_accept(struct clients *clients);

/* Reads what a client says, and drops one that is gone. The message with what is left to be done, or kind 0. */
struct attach_message client_read(struct client *client);

/* Gives output of stream 1 or 2 to all. One that does not read is told so by its report and gets no more. */
void clients_write(struct clients *clients, int stream, const char *bytes, size_t size);

void clients_close(struct clients *clients);

/* Tells all how the container ended. */
void clients_report(const struct clients *clients, int status);
