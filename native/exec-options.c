#include "exec-options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* -i, -t, -it and their long names; what else shapes a plan is rare enough. */
static int read_flags(const char *word, bool *interactive, bool *tty) {
  if (strcmp(word, "--interactive") == 0) *interactive = true;
  else if (strcmp(word, "--tty") == 0) *tty = true;
  else if (word[1] == '-' || !word[1]) return -ENOTSUP;
  else
    for (const char *letter = word + 1; *letter; letter++) {
      if (*letter != 'i' && *letter != 't') return -ENOTSUP;
      *(*letter == 'i' ? interactive : tty) = true;
    }
  return 0;
}

int exec_options_read(char **argv, struct run_options *ret) {
  bool interactive = false, tty = false;
  for (; *argv && **argv == '-'; argv++)
    if (read_flags(*argv, &interactive, &tty)) return -ENOTSUP;
  if (!argv[0] || !argv[1] || strchr(argv[0], '\n')) return -ENOTSUP;
  int length = snprintf(ret->key, RUN_KEY_MAX, "exec\n%s%scontainer=%s\n", interactive ? "interactive\n" : "",
                        tty ? "tty\n" : "", argv[0]);
  if (length < 0 || (unsigned)length >= RUN_KEY_MAX) return -ENOTSUP;
  ret->key_size = (unsigned)length;
  int error = 0;
  for (char **word = argv + 1; *word && !error; word++) error = values_add(&ret->values, VALUE_COMMAND, *word);
  return error ? -ENOTSUP : 0;
}
