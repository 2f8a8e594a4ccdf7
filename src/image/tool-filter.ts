/**
 * System calls that tar, its decompressors, find, du, chown, chmod and sync need to make, judge and remove a tree. A list
 * of what is allowed, so that a broken archive which takes one of them over gains files below /dest and nothing else.
 * What is not listed gets ENOSYS, for which the C library has a fallback where there is one. Pure.
 */
import type { ArgumentTest, Filter, FilterRule } from '../sys/libseccomp.js';

const ACT_ALLOW = 0x7fff_0000;
const ACT_KILL_PROCESS = 0x8000_0000;
const ACT_ENOSYS = 0x0005_0000 + 38;

const FILES =
  'open openat openat2 creat close close_range read write readv writev pread64 pwrite64 lseek fcntl dup dup2 dup3 ' +
  'pipe pipe2 poll ppoll select pselect6 stat fstat lstat newfstatat statx access faccessat faccessat2 readlink ' +
  'readlinkat getdents getdents64 getcwd chdir fchdir statfs fstatfs fadvise64 copy_file_range sendfile splice';
const TREES =
  'mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mknod mknodat chmod ' +
  'fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat futimesat truncate ftruncate ' +
  'fallocate fsync fdatasync sync_file_range syncfs umask';
const MEMORY = 'brk mmap munmap mremap mprotect madvise';
const PROGRAMS =
  'execve execveat fork vfork wait4 waitid exit exit_group getpid getppid gettid getuid geteuid getgid getegid ' +
  'getgroups getresuid getresgid getpgrp arch_prctl set_tid_address set_robust_list get_robust_list rseq futex ' +
  'sched_getaffinity sched_yield prlimit64 getrlimit setrlimit getrusage times uname sysinfo getrandom clock_gettime ' +
  'clock_getres clock_nanosleep nanosleep gettimeofday restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn ' +
  'sigaltstack kill tgkill';
/** The launcher loads the second filter under the first; a filter can only ever take away. */
const LAUNCHER = 'seccomp';

/** All CLONE_NEW* flags of clone(2): namespaces, where most of the kernel that root can reach begins. */
const CLONE_NAMESPACES = 0x7e02_0000n;
const MASKED_EQ = 7;
const EQ = 4;
/** ioctl(2) requests by which a program asks whether it talks to a terminal, or to a tape. */
const HARMLESS_IOCTLS = { TCGETS: 0x5401n, MTIOCGET: 0x8030_6d02n };

const allow = (names: string, ...tests: ArgumentTest[]): FilterRule => ({
  names: names.split(' '),
  action: ACT_ALLOW,
  tests,
});

/**
 * Two filters to stack: `main` has its denials logged; `quiet`, loaded after it and without the log, answers the probe
 * for clone3 that the C library makes before every thread.
 */
export function toolFilters(): { main: Filter; quiet: Filter } {
  // A call of another architecture has no place in these programs.
  const shared = { badArchAction: ACT_KILL_PROCESS, architectures: [] };
  return {
    main: {
      ...shared,
      defaultAction: ACT_ENOSYS,
      rules: [
        ...[FILES, TREES, MEMORY, PROGRAMS, LAUNCHER].map((names) => allow(names)),
        allow('clone', { arg: 0, op: MASKED_EQ, a: CLONE_NAMESPACES, b: 0n }),
        ...Object.values(HARMLESS_IOCTLS).map((request) => allow('ioctl', { arg: 1, op: EQ, a: request, b: 0n })),
      ],
    },
    quiet: {
      ...shared,
      defaultAction: ACT_ALLOW,
      rules: [{ names: ['clone3'], action: ACT_ENOSYS, tests: [] }],
    },
  };
}
