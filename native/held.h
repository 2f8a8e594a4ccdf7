/* Processes of containers, held so that a pid which is used again can never stand for one. */
#pragma once

/* Holds the process that a container's record names by pid and start time (proc(5) stat, field 22); both are digits. Records
 * are files of the user's, which anybody may have written who could write there. So the process must live in a user namespace
 * below this process's own, and each on the way must be this user's: a container of nobody else, and no process outside of one.
 * 0 with a pidfd; -ESRCH when the process is gone, -EPERM when it is no container of this user, or -errno. */
int hold_container(const char *pid, const char *start_time, int *ret_pid_fd);
