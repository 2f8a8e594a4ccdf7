/* rounds N +++ COMMAND… [+++ COMMAND…]…: runs every command once per round, N rounds, and prints "INDEX NANOSECONDS" for
 * each run, from before its creation to its end. Interleaved, so that a slow moment of the machine hits all alike; in C,
 * since a Node parent adds milliseconds. A command that fails ends everything with status 1. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 32 };

static long long now(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Duration in nanoseconds, or -1 when the command could not be run or failed. Its output is dropped. */
static long long time_command(char **command, const posix_spawn_file_actions_t *actions) {
  long long start = now();
  pid_t pid = -1;
  int status = 0;
  int error = posix_spawnp(&pid, command[0], actions, NULL, command, environ);
  if (error) {
    (void)fprintf(stderr, "rounds: %s: %s\n", command[0], strerror(error));
    return -1;
  }
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  long long duration = now() - start;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return duration;
  (void)fprintf(stderr, "rounds: %s ended with wait status %d\n", command[0], status);
  return -1;
}

int main(int argc, char **argv) {
  char **commands[MAX_COMMANDS];
  int count = 0;
  for (int i = 2; i < argc && count < MAX_COMMANDS; i++) {
    if (strcmp(argv[i], "+++") != 0) continue;
    argv[i] = NULL;
    commands[count++] = argv + i + 1;
  }
  if (count == 0) {
    (void)fprintf(stderr, "usage: rounds N +++ COMMAND... [+++ COMMAND...]...\n");
    return 64;
  }
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) ||
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0))
    return 71;
  int rounds = atoi(argv[1]);
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < count; i++) {
      /* Another first one in each round: whoever follows a heavy neighbour changes. */
      int index = (i + round) % count;
      long long duration = time_command(commands[index], &actions);
      if (duration < 0) return 1;
      (void)printf("%d %lld\n", index, duration);
    }
  }
  return 0;
}
