/* Ops on what the payload is: ids, groups, the five capability sets, limits, filters. The order is the plan's; a capability
 * set dropped before the ids changed would not stay (capabilities(7)). */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../launch.h"
#include "../wire.h"

#define MAX_GROUPS 256

int op_rlimit(struct stage_state *state, const struct op *op) {
  (void)state;
  struct rlimit limit = {.rlim_cur = op->arg[1].number, .rlim_max = op->arg[2].number};
  return setrlimit((__rlimit_resource_t)op->arg[0].number, &limit) < 0 ? -errno : 0;
}

int op_cap_bound(struct stage_state *state, const struct op *op) {
  (void)state;
  for (unsigned long cap = 0; cap < 64; cap++) {
    if (op->arg[0].number & 1ull << cap) continue;
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    /* EINVAL: the kernel has no capability of this number, nor any above. */
    return errno == EINVAL ? 0 : -errno;
  }
  return 0;
}

int op_groups(struct stage_state *state, const struct op *op) {
  (void)state;
  gid_t groups[MAX_GROUPS];
  size_t count = 0;
  char text[MAX_GROUPS * 12], *rest = NULL;
  if (strlen(op->arg[0].text) >= sizeof text) return -E2BIG;
  strcpy(text, op->arg[0].text);
  for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
    uint64_t gid = 0;
    if (count == MAX_GROUPS || wire_number(word, &gid) || gid > UINT32_MAX) return -EINVAL;
    groups[count++] = (gid_t)gid;
  }
  return setgroups(count, groups) < 0 ? -errno : 0;
}

int op_ids(struct stage_state *state, const struct op *op) {
  (void)state;
  uid_t uid = (uid_t)op->arg[0].number;
  gid_t gid = (gid_t)op->arg[1].number;
  if (op->arg[0].number >= UINT32_MAX || op->arg[1].number >= UINT32_MAX) return -EINVAL;
  /* The capability sets are set by their own op, after the ids. */
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return -errno;
  if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
  uid_t r, e, s;
  if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid) return -EPERM;
  /* With its credentials a process becomes as open to others as fs.suid_dumpable says. */
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int op_caps(struct stage_state *state, const struct op *op) {
  (void)state;
  uint64_t effective = op->arg[0].number, permitted = op->arg[1].number, inheritable = op->arg[2].number;
  uint64_t ambient = op->arg[3].number;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
  if (syscall(SYS_capset, &header, sets) < 0) return -errno;
  for (unsigned long cap = 0; cap < 64; cap++)
    if (ambient & 1ull << cap && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return -errno;
  return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int op_no_new_privs(struct stage_state *state, const struct op *op) {
  (void)state;
  (void)op;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int op_seccomp(struct stage_state *state, const struct op *op) {
  (void)state;
  size_t length = op->arg[1].length;
  if (length == 0 || length % sizeof(struct sock_filter) || length / sizeof(struct sock_filter) > BPF_MAXINSNS) return -EINVAL;
  /* Tokens are not aligned; the kernel copies from user memory and does not mind. */
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof(struct sock_filter)),
                               .filter = (struct sock_filter *)(uintptr_t)op->arg[1].bytes};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)op->arg[0].number, &program) < 0 ? -errno : 0;
}
