/** Containers on disk: one directory each, below the user's store; written by the user's own processes only. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPaused } from '../facts/container-cgroup.js';
import { type ContainerRecord, type ContainerState, isSameProcess } from '../facts/container-record.js';
import { readContainers, type StoredContainer } from '../facts/containers.js';
import { IsoError } from '../lib/errors.js';

/** A new container id: 64 hexadecimal digits, of which people use the first 12. */
export function newContainerId(): string {
  return randomBytes(32).toString('hex');
}

export const shortId = (id: string): string => id.slice(0, 12);

/** The directory of a container. */
export const containerDirectory = (store: string, id: string): string => join(store, 'containers', id);

/** What a reader sees is the old record or the new one. */
export function writeRecord(store: string, record: ContainerRecord): void {
  const file = join(containerDirectory(store, record.id), 'container.json');
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readStat(pid: number | undefined): string | undefined {
  try {
    return pid === undefined ? undefined : readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether the process that a state names lives. */
export const isAlive = (state: ContainerState): boolean => isSameProcess(state, readStat(state.pid));

export interface Container extends StoredContainer {
  /** What the kernel says, not the record: a killed launcher leaves "running" behind. */
  running: boolean;
  paused: boolean;
}

/** The caller's containers, oldest first. One whose monitor was killed has ended, with a status that nobody knows. */
export function listContainers(home: string, uid: number): Container[] {
  return readContainers(home, uid).map((stored) => {
    const wasRunning = stored.state.status === 'running';
    const running = wasRunning && isAlive(stored.state);
    const state = wasRunning && !running ? { ...stored.state, status: 'exited' as const } : stored.state;
    const paused = running && stored.state.pid !== undefined && isPaused(stored.state.pid, stored.record.id);
    return { ...stored, state, running, paused };
  });
}

/** By name, id or unambiguous start of an id. @throws IsoError container.missing, usage.invalid */
export function findContainer(containers: readonly Container[], reference: string): Container {
  const exact = containers.find(({ record }) => record.name === reference || record.id === reference);
  if (exact) return exact;
  const [match, second] = /^[0-9a-f]+$/.test(reference)
    ? containers.filter(({ record }) => record.id.startsWith(reference))
    : [];
  if (match && second)
    throw new IsoError('usage.invalid', `cannot tell which container ${reference} is`, 'several ids begin so');
  if (match) return match;
  throw new IsoError('container.missing', `cannot find the container ${reference}`, 'no container has this name or id');
}
