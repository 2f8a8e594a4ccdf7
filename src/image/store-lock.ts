/** One writer of a store at a time: flock(2), which the kernel releases when its holder dies. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IsoError } from '../lib/errors.js';
import { cFunction, errnoError } from '../sys/ffi.js';

// <sys/file.h>
const LOCK_EX = 2;
const LOCK_NB = 4;

const WAIT_MS = 60_000;
const RETRY_MS = 50;

/** Locks an open file until it is closed; false when another open file holds the lock. */
export function tryLock(fd: number): boolean {
  const flock = cFunction('libc.so.6', 'int flock(int fd, int operation)');
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = errnoError('flock', `descriptor ${fd}`);
  if (error.code === 'EAGAIN') return false;
  throw error;
}

/**
 * Runs `work` while nobody else changes the store. Held only for renames and records, never during an extraction.
 * @throws IsoError lock.held after a minute
 */
export async function withStoreLock<T>(store: string, work: () => T | Promise<T>): Promise<T> {
  const file = join(store, 'lock');
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    for (const end = Date.now() + WAIT_MS; !tryLock(fd); await sleep(RETRY_MS)) {
      if (Date.now() > end) {
        throw new IsoError('lock.held', `cannot change the image store ${store}`, `${file} stays locked`, {
          hint: `see who holds it with \`fuser ${file}\``,
        });
      }
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}
