/**
 * Containers whose payload is started again (native/restart.c), and how that is ended: a file in the container's directory says
 * that somebody stopped it.
 */
import { closeSync, constants, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerRecord } from '../facts/container-record.js';
import { hasErrno } from '../lib/errors.js';
import { tryLock } from '../sys/flock.js';
import { containerDirectory } from './records.js';

const INTERVAL_MS = 50;
const RELEASE_MS = 5000;

const markOf = (store: string, id: string) => join(containerDirectory(store, id), 'stopped');

/** From now on nothing follows when the payload ends. */
export function forbidRestart(store: string, { id, restart }: ContainerRecord): void {
  if (restart === undefined || !existsSync(containerDirectory(store, id))) return;
  writeFileSync(markOf(store, id), '', { mode: 0o600 });
}

export function allowRestart(store: string, { id, restart }: ContainerRecord): void {
  if (restart !== undefined) rmSync(markOf(store, id), { force: true });
}

function isReleased(directory: string): boolean {
  try {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      return tryLock(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

/** Waits until nobody launches the container or waits to do it, five seconds at most. False when somebody still does. */
export async function waitForRelease(store: string, { id, restart }: ContainerRecord): Promise<boolean> {
  if (restart === undefined) return true;
  for (let waited = 0; waited < RELEASE_MS; waited += INTERVAL_MS) {
    if (isReleased(containerDirectory(store, id))) return true;
    await sleep(INTERVAL_MS);
  }
  return false;
}
