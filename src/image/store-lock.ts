/** One writer of a store at a time. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IsoError } from '../lib/errors.js';
import { tryLock } from '../sys/flock.js';

const WAIT_MS = 60_000;
const RETRY_MS = 50;

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
