/* A message with descriptors on a Unix socket. */
#pragma once
#include <stddef.h>

#define SEND_MAX_FDS 8

/* 0 or -errno. */
int send_fds(int socket_fd, const void *bytes, size_t size, const int *fds, unsigned count);
