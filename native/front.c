/* The three commands as the shell finds them: starts Node on the bundle of that name. Node reads dozens of environment
 * variables before any of our code runs (preloaded modules, certificate files, debug ports, OpenSSL engines): they would
 * run foreign code in a command that root types, and NODE_EXTRA_CA_CERTS alone triples the start. So they go. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front-run.h"
#include "lib-dir.h"
#include "run-options.h"

#define NODE "/usr/bin/node"

/* Exit statuses after sysexits.h(3head); iso-run keeps 125 for its own failures, as container runtimes do. */
enum { EXIT_USAGE_ERROR = 64, EXIT_UNAVAILABLE = 69, EXIT_RUN_FAILED = 125 };

struct command {
  const char *name;
  const char *bundle;
  int exit_unavailable;
  /* A command of it that has a bundle of its own. */
  const char *part, *part_bundle;
};

/* argv[0] chooses a row and nothing else: no path is ever built from it. Bundles lie beside this program. */
static const struct command COMMANDS[] = {
    {"iso-run", "iso-run.js", EXIT_RUN_FAILED, "run", "iso-run-run.js"},
    {"iso-setup", "iso-setup.js", EXIT_UNAVAILABLE, NULL, NULL},
    {"iso-audit", "iso-audit.js", EXIT_UNAVAILABLE, NULL, NULL},
};

/* What node(1), libuv and OpenSSL act on. A prefix ends in '_', an exact name in '='. */
static const char *const DROPPED[] = {
    "NODE_", "UV_", "SSL_CERT_", "OPENSSL_", "V8_", "SSLKEYLOGFILE=", "NPM_CONFIG_", "npm_", "ICU_", "ISO_RUN_",
};

static const struct command *find_command(const char *invoked) {
  const char *slash = strrchr(invoked, '/');
  const char *name = slash ? slash + 1 : invoked;
  for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
    if (strcmp(name, COMMANDS[i].name) == 0) return &COMMANDS[i];
  return NULL;
}

static bool is_dropped(const char *entry) {
  for (size_t i = 0; i < sizeof(DROPPED) / sizeof(DROPPED[0]); i++)
    if (strncmp(entry, DROPPED[i], strlen(DROPPED[i])) == 0) return true;
  return false;
}

/* Removes the dropped entries in place; the order of the others stays. */
static void clean_environment(char **environment) {
  char **kept = environment;
  for (char **entry = environment; *entry; entry++)
    if (!is_dropped(*entry)) *kept++ = *entry;
  *kept = NULL;
}

/* A policy that enforces refuses memory that is writable and executable (Debian's boolean allow_execmem is off), and Node
 * would die before its first line. Its interpreter needs none; it starts a sixth slower, so it is used only where it must.
 * The policy is not asked by trying: each refusal is a line in the host's audit log. */
static bool must_interpret(void) {
  char answer = '0';
  int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool known = read(fd, &answer, 1) == 1;
  (void)close(fd);
  return known && answer == '1';
}

static void print_failure(const char *name, const char *what, const char *why, const char *hint, const char *code) {
  (void)fprintf(stderr, "%s: %s\n  why:  %s\n  hint: %s\n  code: %s\n", name, what, why, hint, code);
}

int main(int argc, char **argv) {
  const struct command *command = argc > 0 ? find_command(argv[0]) : NULL;
  if (!command) {
    print_failure("iso-front", "cannot tell which command is meant",
                  "the program was started under a name that is none of iso-run, iso-setup, iso-audit",
                  "use the commands in /usr/bin", "usage.invalid");
    return EXIT_USAGE_ERROR;
  }

  if (argc == 2 && strcmp(argv[1], "--run-options") == 0 && strcmp(command->name, "iso-run") == 0) {
    run_options_print();
    return 0;
  }
  clean_environment(environ);
  /* node --jitless --no-expose-wasm -- BUNDLE ARGUMENT... NULL: four entries more than we got. */
  char **arguments = calloc((size_t)argc + 5, sizeof(char *));
  if (!arguments) {
    print_failure(command->name, "cannot start " NODE, strerror(ENOMEM), "pass fewer arguments", "os.failed");
    return command->exit_unavailable;
  }
  size_t count = 0;
  arguments[count++] = (char *)NODE;
  if (must_interpret()) {
    arguments[count++] = (char *)"--jitless";
    /* Implied, and without it Node says so on standard error. */
    arguments[count++] = (char *)"--no-expose-wasm";
  }
  char bundle[4096];
  if (lib_path(command->bundle, sizeof bundle, bundle)) return command->exit_unavailable;
  /* Node 20 takes an --env-file from anywhere before this, from behind its program too. */
  arguments[count++] = (char *)"--";
  arguments[count++] = bundle;
  if (argc > 2 && strcmp(command->name, "iso-run") == 0) {
    arguments[count] = (char *)"explain-launch";
    int status = front_run(argv[1], argv + 2, arguments);
    if (status >= 0) return status;
    arguments[count] = NULL;
  }
  if (argc > 1 && command->part && strcmp(argv[1], command->part) == 0 &&
      lib_path(command->part_bundle, sizeof bundle, bundle))
    return command->exit_unavailable;
  memcpy(arguments + count, argv + 1, (size_t)argc * sizeof(char *));

  (void)execve(NODE, arguments, environ);
  print_failure(command->name, "cannot start " NODE, strerror(errno),
                errno == ENOENT ? "install it with `apt-get install nodejs`" : "check `node --version`", "tool.missing");
  return command->exit_unavailable;
}
