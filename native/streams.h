/* The standard streams of a payload, as the plan's op `stdio` says: null, pipe, terminal, terminal-null. */
#pragma once
#include "launch.h"

/* Takes from the plan what the streams are. 0 or -EINVAL. */
int streams_read_mode(struct launch *launch);

/* Makes what outer has of them: pipes to the payload, or to a monitor to which it is attached. 0 or -errno. */
int streams_make(struct launch *launch);

/* The same for a client of a container that lives, over its connection; with a report. 0 or -errno. */
int streams_attach(struct launch *launch);

/* Closes in outer what is the monitor's. */
void streams_close_others(struct launch *launch);
