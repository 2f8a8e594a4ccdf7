/** flock(2): a lock on an open file, which the kernel releases when its holder dies. */
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
