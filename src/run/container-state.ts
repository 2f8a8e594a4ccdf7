/** What a container's own files say of it while its state changes: for those who wait for that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerState } from '../facts/container-record.js';
import { containerDirectory } from './records.js';

/** The state as it is written now; undefined when the container was removed. */
export function readState(store: string, id: string): ContainerState | undefined {
  try {
    return JSON.parse(readFileSync(join(containerDirectory(store, id), 'state.json'), 'utf8')) as ContainerState;
  } catch {
    return undefined;
  }
}

const INTERVAL_MS = 20;
const BOOKS_MS = 5000;

/**
 * Waits until the monitor of a container that has ended has written so, or has taken the container away. It may have been
 * killed too, so the wait is bounded: what a dead monitor left is as good as it gets.
 */
export async function waitForBooks(store: string, id: string): Promise<void> {
  for (let waited = 0; waited < BOOKS_MS; waited += INTERVAL_MS) {
    if (readState(store, id)?.status !== 'running') return;
    await sleep(INTERVAL_MS);
  }
}
