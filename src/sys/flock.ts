/** flock(2): a lock on an open file, which the kernel releases when its holder dies. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { cFunction, errnoError } from './ffi.js';

// <sys/file.h>
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Locks an open file until it is closed; false when another open file holds the lock. */
export function tryLock(fd: number): boolean {
  const flock = cFunction('libc.so.6', 'int flock(int fd, int operation)');
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = errnoError('flock', `descriptor ${fd}`);
  if (error.code === 'EAGAIN') return false;
  throw error;
}

/** The host's own pid namespace, from which every process is seen (PROC_PID_INIT_INO of <linux/proc_ns.h>). */
const HOST_PIDS = 'pid:[4026531836]';

function readOrNothing<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return nothing;
    throw error;
  }
}

/** The real uid counts: a set-user-id program inherits the descriptors of whoever starts it. */
function isRootsWithLock(pid: string, lock: RegExp): boolean {
  const status = readOrNothing(() => readFileSync(`/proc/${pid}/status`, 'utf8'), '');
  if (!/^Uid:\t0\t/m.test(status)) return false;
  const folder = `/proc/${pid}/fdinfo`;
  const fds = readOrNothing(() => readdirSync(folder), []);
  return fds.some((fd) => lock.test(readOrNothing(() => readFileSync(`${folder}/${fd}`, 'utf8'), '')));
}

/**
 * Whether a process of root's may hold flock(2) on the file with this inode. Whoever can read a file can lock it, so the
 * lock of anybody else on a file of root's says nothing, and could otherwise be held for ever (proc_pid_fdinfo(5)).
 */
export function mayRootHold(inode: number): boolean {
  if (process.geteuid?.() !== 0 || readOrNothing(() => readlinkSync('/proc/self/ns/pid'), '') !== HOST_PIDS)
    return true;
  const lock = new RegExp(`^lock:.* FLOCK .*:${inode} `, 'm');
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && isRootsWithLock(pid, lock));
}
