/** Containers on disk: one directory each, below the user's store; written by the user's own processes only. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainerRecord, type ContainerState, isSameProcess, parseStartTime } from '../facts/container-record.js';
import { readContainers, type StoredContainer } from '../facts/containers.js';
import { hasErrno, IsoError } from '../lib/errors.js';

/** A new container id: 64 hexadecimal digits, of which people use the first 12. */
export function newContainerId(): string {
  return randomBytes(32).toString('hex');
}

export const shortId = (id: string): string => id.slice(0, 12);

export interface ContainerDirectory {
  path: string;
  upper: string;
  work: string;
  merged: string;
  hosts: string;
  hostnameFile: string;
}

export function containerDirectory(store: string, id: string): ContainerDirectory {
  const path = join(store, 'containers', id);
  const at = (name: string) => join(path, name);
  return {
    path,
    upper: at('upper'),
    work: at('work'),
    merged: at('merged'),
    hosts: at('hosts'),
    hostnameFile: at('hostname'),
  };
}

/** Makes the directory of a new container. Its root's mode is the upper directory's. */
export function createContainerDirectory(directory: ContainerDirectory, hostname: string): void {
  mkdirSync(directory.path, { recursive: true, mode: 0o700 });
  for (const part of [directory.upper, directory.work, directory.merged]) mkdirSync(part, { mode: 0o700 });
  chmodSync(directory.upper, 0o755);
  const hosts = `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.1.1\t${hostname}\n`;
  for (const [file, text] of [
    [directory.hosts, hosts],
    [directory.hostnameFile, `${hostname}\n`],
  ] as const) {
    writeFileSync(file, text, { mode: 0o644 });
    chmodSync(file, 0o644);
  }
}

function replaceFile(file: string, value: unknown): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

export function writeContainerRecord(directory: string, record: ContainerRecord): void {
  replaceFile(join(directory, 'container.json'), record);
}

/** Replaces the state. A directory that is gone was removed with its container (--rm), which is no failure. */
export function writeContainerState(directory: string, state: ContainerState): void {
  try {
    replaceFile(join(directory, 'state.json'), state);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

/** Start time of a live process, which with its pid names it for good. */
export function readStartTime(pid: number): string | undefined {
  try {
    return parseStartTime(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

function readStat(pid: number | undefined): string | undefined {
  try {
    return pid === undefined ? undefined : readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

export interface Container extends StoredContainer {
  /** What the kernel says, not the record: a killed launcher leaves "running" behind. */
  running: boolean;
}

/** The caller's containers, oldest first. */
export function listContainers(home: string, uid: number): Container[] {
  return readContainers(home, uid).map((stored) => ({
    ...stored,
    running: stored.state.status === 'running' && isSameProcess(stored.state, readStat(stored.state.pid)),
  }));
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
