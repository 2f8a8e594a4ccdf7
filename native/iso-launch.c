/*
 * iso-launch: carries out a compiled launch plan (descriptor 3) and reports on descriptor 4. It knows no policy, no defaults and
 * no formats.
 *
 *   iso-launch                                       by the user's session, or without one
 *   iso-launch --direct                              without one
 *   iso-launch --attach DIRECTORY all|output KEYS    stays with the supervised container of that directory: its output alone,
 *              pass|keep                             or its input too; until KEYS are typed; signals go to it, or stay here
 *   iso-launch --ops                                 prints the table of ops
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "attach.h"
#include "run-stage.h"
#include "signal-container.h"
#include "wire.h"

static int report(int status) {
  const struct status_report *kept = status_report();
  for (unsigned i = 0; i < kept->count; i++)
    if (write(STATUS_FD, &kept->records[i], sizeof kept->records[i]) < 0) return status;
  return status;
}

static int refuse(unsigned index, int error) {
  status_write(STATUS_FAIL, ROLE_OUTER, index, 0, -error);
  return report(125);
}

static int attach(char **words) {
  static struct launch launch;
  launch_init(&launch);
  close(PLAN_FD);
  launch.client_stdin = strcmp(words[1], "all") == 0;
  launch.detach_keys = words[2];
  launch.keep_signals = strcmp(words[3], "keep") == 0;
  return report(attach_run(&launch, words[0]));
}

int main(int argc, char **argv) {
  static struct launch launch;
  if (argc == 2 && strcmp(argv[1], "--ops") == 0) {
    print_ops();
    return 0;
  }
  if (argc > 2 && strcmp(argv[1], "--signal") == 0) return signal_container(argc - 2, argv + 2);
  const bool direct = argc == 2 && strcmp(argv[1], "--direct") == 0;
  const bool attaches = argc == 6 && strcmp(argv[1], "--attach") == 0;
  if ((argc != 1 && !direct && !attaches) || fcntl(PLAN_FD, F_GETFD) < 0 || fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC) < 0) {
    fprintf(stderr, "iso-launch: started by iso-run with a plan on descriptor 3 and a report on 4; not for people\n");
    return 125;
  }
  /* Nothing that the caller left open goes further than this. */
  if (syscall(SYS_close_range, STATUS_FD + 1, ~0u, 0) < 0) return refuse(0, -errno);
  prctl(PR_SET_NAME, "iso-outer");
  if (attaches) return attach(argv + 2);
  unsigned char *bytes = NULL;
  size_t size = 0;
  unsigned at = 0;
  launch_init(&launch);
  int error = wire_read(PLAN_FD, WIRE_MAX_BYTES, &bytes, &size);
  close(PLAN_FD);
  if (!error) error = plan_decode(bytes, size, &launch.plan, &at);
  if (error) return refuse(at, error);
  int status = launch_run(&launch, direct ? LAUNCH_DIRECT : LAUNCH_ANY);
  /* The first op that asks for what a session would have had. */
  return status == LAUNCH_UNDONE ? refuse(0, -EAGAIN) : report(status);
}
