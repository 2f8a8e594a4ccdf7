/* The monitor of a container that lives without its caller: keeps its streams, writes its log, serves who attaches. */
#pragma once
#include "launch.h"

/* Makes the payload's streams with their other ends for the monitor. 0 or -errno. */
int supervise_streams(struct launch *launch);

/* From the payload's start to its end, when all that it wrote is in the log; its wait status. */
int supervise(struct launch *launch, pid_t container);

/* Lets go of those who are attached, and of the socket to attach to, before the next payload of the container. */
void supervise_leave(struct launch *launch);
