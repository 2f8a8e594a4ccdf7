#pragma once

/* iso-launch --signal PID START-TIME SIGNAL [MILLISECONDS]: sends a signal to pid 1 of a container of this user. With a time
 * it waits so long for the container's end, and then ends it by SIGKILL. The exit status is 0 or an errno: ESRCH when the
 * container is gone, EPERM for what is none of this user's, ETIME when SIGKILL was needed, ETIMEDOUT when even that did not
 * help. */
int signal_container(int argc, char **argv);
