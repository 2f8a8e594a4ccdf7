/* The plan decoder under sanitizers: every truncation and every changed byte of a plan that holds each op once, and random
 * bytes; as a fuzz target with -DFUZZ. What it proves: no input makes it read outside its bounds, and only whole plans pass. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* An exact heap copy, so that the sanitizer sees the first byte past the end. True when it decodes. */
static int decodes(const unsigned char *bytes, size_t size) {
  unsigned char *copy = malloc(size ? size : 1);
  struct plan plan = {0};
  unsigned at = 0;
  assert(copy);
  if (size) memcpy(copy, bytes, size);
  int error = plan_decode(copy, size, &plan, &at);
  if (error) {
    free(copy);
    return 0;
  }
  unsigned total = 0;
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    for (unsigned i = 0; i < plan.count[stage]; i++, total++) {
      const struct op *op = &plan.stage[stage][i];
      assert(op->kind < OP_COUNT && op->index == total && op_table[op->kind].stages & 1u << stage);
      for (unsigned a = 0; op_table[op->kind].args[a]; a++)
        if (op_table[op->kind].args[a] == 't') assert(strlen(op->arg[a].text) <= PLAN_MAX_ARG);
    }
  assert(total <= PLAN_MAX_OPS);
  plan_free(&plan);
  return 1;
}

#ifdef FUZZ
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  (void)decodes(bytes, size);
  return 0;
}
#else

static unsigned char plan_bytes[1 << 16];
static size_t plan_size;

static void put(const char *token) {
  size_t length = strlen(token);
  for (int i = 0; i < 4; i++) plan_bytes[plan_size++] = (unsigned char)(length >> 8 * i);
  memcpy(plan_bytes + plan_size, token, length + 1);
  plan_size += length + 1;
}

static void put_op(int stage, int kind) {
  put(stage_names[stage]);
  put(op_table[kind].name);
  for (const char *type = op_table[kind].args; *type; type++) put(*type == 'n' ? "7" : *type == 't' ? "=text" : "text");
}

/* The values of a run: two words of its command, and one that the plan refers to. */
static void put_values(void) {
  static const char *const texts[] = {"3", "command", "sh", "command", "-c", "volume.0", "/srv"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put(texts[i]);
}

static void make_plan(void) {
  char count[16];
  unsigned total = 0;
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    for (int kind = 0; kind < OP_COUNT; kind++) total += !!(op_table[kind].stages & 1u << stage);
  snprintf(count, sizeof count, "%u", total);
  put(PLAN_MAGIC);
  put(count);
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    for (int kind = 0; kind < OP_COUNT; kind++)
      if (op_table[kind].stages & 1u << stage) put_op(stage, kind);
  put_values();
}

static unsigned passed, failed;
static void check(const char *name, int holds) {
  if (holds) passed++;
  else failed++, printf("not ok: %s\n", name);
}

static void check_truncations(void) {
  int any = 0;
  for (size_t size = 0; size < plan_size; size++) any |= decodes(plan_bytes, size);
  check("a cut plan is refused at every length", !any);
}

/* Most changes make an unknown name, a wrong length or a wrong stage; those in free text may pass, none may crash. */
static void check_changes(void) {
  for (size_t at = 0; at < plan_size; at++)
    for (unsigned bit = 0; bit < 8; bit++) {
      plan_bytes[at] ^= (unsigned char)(1u << bit);
      (void)decodes(plan_bytes, plan_size);
      plan_bytes[at] ^= (unsigned char)(1u << bit);
    }
  check("the plan is whole again", decodes(plan_bytes, plan_size));
}

static void check_random(void) {
  unsigned char bytes[512];
  unsigned long state = 42;
  int any = 0;
  for (int round = 0; round < 20000; round++) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)((state = state * 6364136223846793005ul + 1) >> 56);
    any |= decodes(bytes, (size_t)round % sizeof bytes);
  }
  check("random bytes are no plan", !any);
}

static void check_rest(void) {
  unsigned char *longer = malloc(plan_size + 1);
  assert(longer);
  memcpy(longer, plan_bytes, plan_size);
  longer[plan_size] = 0;
  check("a byte after the last value is refused", !decodes(longer, plan_size + 1));
  free(longer);
}

/* {tokens..., NULL} as a plan of one op after the magic. */
static void check_refused(const char *name, const char *const *tokens) {
  size_t kept = plan_size;
  plan_size = 0;
  put(PLAN_MAGIC);
  for (; *tokens; tokens++) put(*tokens);
  check(name, !decodes(plan_bytes, plan_size));
  plan_size = 0;
  make_plan();
  assert(plan_size == kept);
}

int main(void) {
  make_plan();
  check("a plan with every op decodes", decodes(plan_bytes, plan_size));
  check_truncations();
  check_changes();
  check_random();
  check_rest();
  check_refused("an unknown op", (const char *const[]){"1", "container", "nosuch", NULL});
  check_refused("an op in a stage that is not its own", (const char *const[]){"1", "cleanup", "exec", "/bin", NULL});
  check_refused("a number that is none", (const char *const[]){"1", "container", "pivot", "1x", NULL});
  check_refused("a number past 64 bits", (const char *const[]){"1", "container", "pivot", "18446744073709551616", NULL});
  check_refused("no ops", (const char *const[]){"0", NULL});
  check_refused("more ops than bytes", (const char *const[]){"4096", "container", "pivot", "1", NULL});
  check_refused("too many ops", (const char *const[]){"4097", NULL});
  check_refused("a text that is neither itself nor a reference", (const char *const[]){"1", "container", "arg", "sh", "0", NULL});
  check_refused("a reference to a value that nobody gives", (const char *const[]){"1", "container", "arg", "$volume.1", "0", NULL});
  check_refused("fewer values than it says", (const char *const[]){"1", "container", "arg", "=sh", "1", "command", NULL});
  check_refused("too many values", (const char *const[]){"1", "container", "arg", "=sh", "8193", NULL});
  check_refused("stages out of order", (const char *const[]){"2", "container", "pivot", "1", "session", "loopback", "0", NULL});
  printf("%u passed, %u failed\n", passed, failed);
  return failed != 0;
}
#endif
