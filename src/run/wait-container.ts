/** `iso-run wait`: until containers are in a state, and the exit status of one that has ended. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { parseSize } from '../lib/units.js';
import { USER_SPOOL } from '../trail/record-event.js';
import { readState, waitForBooks } from './container-state.js';
import { type Container, listContainers } from './records.js';

const CONDITIONS = ['created', 'running', 'exited', 'stopped', 'removed'] as const;
export type Condition = (typeof CONDITIONS)[number];

/** @throws IsoError usage.invalid */
export function parseCondition(text: string): Condition {
  const found = CONDITIONS.find((one) => one === text);
  if (found) return found;
  throw new IsoError('usage.invalid', `cannot wait for ${text}`, `it is none of ${CONDITIONS.join(', ')}`);
}

/** `250ms`, `2s`, or milliseconds. @throws IsoError usage.invalid */
export function parseInterval(text: string): number {
  const [, number, unit] = /^(\d{1,8})(ms|s|m)?$/.exec(text) ?? [];
  const milliseconds = Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit ?? 'ms'] ?? 1);
  if (milliseconds >= 1 && milliseconds <= 3_600_000) return milliseconds;
  throw new IsoError('usage.invalid', `cannot use --interval ${text}`, 'it is not a time such as 250ms or 2s');
}

const EVENT_MS = 2000;
const EVENT_STEP_MS = 20;
const TAIL_BYTES = parseSize('1m') ?? 0;

/** The end of the user's spool of events: a container that was removed has told there how it ended. */
function readSpoolTail(home: string): string {
  const fd = openSync(join(home, USER_SPOOL), 'r');
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, TAIL_BYTES);
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, size - length)).toString('utf8');
  } finally {
    closeSync(fd);
  }
}

function exitCodeInSpool(home: string, id: string): number | undefined {
  const line = readSpoolTail(home)
    .split('\n')
    .findLast((one) => one.includes('"container.exit"') && one.includes(id));
  try {
    const code: unknown = line === undefined ? undefined : JSON.parse(line).details?.exitCode;
    return typeof code === 'number' ? code : undefined;
  } catch {
    // A line that was cut off tells nothing.
    return undefined;
  }
}

function isReached({ home, uid, store }: OwnIdentity, id: string, condition: Condition): boolean {
  const state = readState(store, id);
  if (state === undefined) return condition === 'removed' || condition === 'exited' || condition === 'stopped';
  if (state.status !== 'running')
    return condition === state.status || (condition === 'stopped' && state.status === 'exited');
  if (condition === 'running') return true;
  // A killed monitor leaves "running" behind: only the process itself tells.
  const isEnding = condition === 'exited' || condition === 'stopped';
  return isEnding && listContainers(home, uid).some(({ record, running }) => record.id === id && !running);
}

/** The exit status, -1 when nobody knows it or the container goes on. */
export async function waitForContainer(
  identity: OwnIdentity,
  { record: { id } }: Container,
  { condition, intervalMs }: { condition: Condition; intervalMs: number },
): Promise<number> {
  while (!isReached(identity, id, condition)) await sleep(intervalMs);
  // Its process is gone before its monitor has written so.
  if (condition === 'exited' || condition === 'stopped') await waitForBooks(identity.store, id);
  const state = readState(identity.store, id);
  if (state) return state.exitCode ?? -1;
  // A container that is removed at its end is gone before its event is written.
  for (let waited = 0; waited < EVENT_MS; waited += EVENT_STEP_MS) {
    const code = exitCodeInSpool(identity.home, id);
    if (code !== undefined) return code;
    await sleep(EVENT_STEP_MS);
  }
  return -1;
}
