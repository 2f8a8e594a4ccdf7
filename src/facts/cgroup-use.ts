/** What a container uses of its resources, from the files of its cgroup (cgroup-v2.rst). */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';

export interface CgroupUse {
  /** Microseconds of processor time. */
  cpuUsec?: number;
  /** Bytes; the limit is absent where there is none. */
  memory?: number;
  memoryLimit?: number;
  pids?: number;
  pidsLimit?: number;
  readBytes?: number;
  writtenBytes?: number;
}

/** Undefined where the controller of the file is not handed down. */
function read(cgroup: string, file: string): string | undefined {
  try {
    return readFileSync(`${cgroup}/${file}`, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

/** `max` and what is not there are no number. */
function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

const field = (text: string | undefined, key: string) =>
  number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text ?? '')?.[1]);

/** Over all devices. */
function sum(text: string | undefined, key: string): number | undefined {
  if (text === undefined) return undefined;
  return [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce((all, match) => all + Number(match[1]), 0);
}

export function readCgroupUse(cgroup: string): CgroupUse {
  const io = read(cgroup, 'io.stat');
  const use = {
    cpuUsec: field(read(cgroup, 'cpu.stat'), 'usage_usec'),
    memory: number(read(cgroup, 'memory.current')),
    memoryLimit: number(read(cgroup, 'memory.max')),
    pids: number(read(cgroup, 'pids.current')),
    pidsLimit: number(read(cgroup, 'pids.max')),
    readBytes: sum(io, 'rbytes'),
    writtenBytes: sum(io, 'wbytes'),
  };
  return Object.fromEntries(Object.entries(use).filter(([, value]) => value !== undefined));
}
