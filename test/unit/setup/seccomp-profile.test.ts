/** The default filter as a promise: what it must not let through, and the shape that runtimes read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Rule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}
interface Profile {
  defaultAction: string;
  defaultErrnoRet: number;
  archMap: { architecture: string; subArchitectures: string[] }[];
  syscalls: Rule[];
}

const file = join(import.meta.dirname, '../../../templates/user/seccomp.json');
const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
const allowed = profile.syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW');
const rulesFor = (name: string) => profile.syscalls.filter((rule) => rule.names.includes(name));

describe('the default system-call filter', () => {
  it('refuses by default, on the architectures that Debian runs, and not on x32', () => {
    expect([profile.defaultAction, profile.defaultErrnoRet]).toEqual(['SCMP_ACT_ERRNO', 1]);
    expect(
      profile.archMap.flatMap(({ architecture, subArchitectures }) => [architecture, ...subArchitectures]),
    ).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
  });

  it.each(
    (
      'mount umount umount2 move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr pivot_root setns unshare ' +
      'io_uring_setup io_uring_enter io_uring_register userfaultfd bpf perf_event_open keyctl add_key request_key ' +
      'kexec_load kexec_file_load init_module finit_module delete_module open_by_handle_at quotactl quotactl_fd reboot ' +
      'swapon swapoff syslog acct settimeofday clock_settime clock_adjtime adjtimex stime iopl ioperm modify_ldt ' +
      'kcmp pidfd_getfd move_pages migrate_pages lookup_dcookie nfsservctl vhangup uselib ustat sysfs _sysctl ' +
      'socketcall fanotify_init vm86 vm86old process_vm_exec'
    ).split(' '),
  )('has no rule for %s', (name) => {
    expect(rulesFor(name)).toEqual([]);
  });

  it('lets clone make tasks and no namespaces', () => {
    const namespaces = 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
    expect(rulesFor('clone').map(({ action, args }) => ({ action, args }))).toEqual([
      { action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: namespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
    ]);
    // Its flags lie in memory: ENOSYS makes a C library use clone.
    expect(rulesFor('clone3')).toMatchObject([{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  it('lets sockets be made of five families', () => {
    const rules = rulesFor('socket');
    expect(rules.every(({ args }) => args?.length === 1 && args[0]?.index === 0 && args[0].op === 'SCMP_CMP_EQ')).toBe(
      true,
    );
    expect(rules.map(({ args }) => args?.[0]?.value)).toEqual([1, 2, 10, 16, 17]);
  });

  it('lets personality change nothing that weakens a program', () => {
    expect(rulesFor('personality').map(({ args }) => args?.[0]?.value)).toEqual([0, 8, 0x20000, 0x20008, 0xffffffff]);
  });

  it('names each call once, unless its arguments differ', () => {
    const plain = allowed.filter((rule) => !rule.args).flatMap((rule) => rule.names);
    expect(plain.filter((name, index) => plain.indexOf(name) !== index)).toEqual([]);
    expect(plain.length).toBeGreaterThan(300);
    expect(
      allowed
        .filter((rule) => rule.args)
        .flatMap((rule) => rule.names)
        .filter((name) => plain.includes(name)),
    ).toEqual([]);
  });
});
