/** Numbers and sizes that bound a container. Pure. */
import { posix } from 'node:path';
import { parseSize } from '../../lib/units.js';
import { refuse } from './refuse.js';

const MIN_MEMORY = 4 * 2 ** 20;

/** Digits alone, within bounds; NaN never is. */
const within = (text: string, least: number, most: number): number | undefined => {
  const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
};

const parseWithin = (option: string, what: string, least: number, most: number) => (text: string) => {
  const number = within(text, least, most);
  if (number !== undefined) return number;
  throw refuse(`${option} ${text}`, `it is not ${what} from ${least} to ${most}`);
};

/** Bytes of `--memory`; 4 MiB at least, since less cannot hold a process and its page tables. */
export function parseMemory(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw refuse(`--memory ${text}`, 'it is not a size such as 512m or 2g');
  if (bytes < MIN_MEMORY) throw refuse(`--memory ${text}`, 'it is less than 4m, which cannot hold a process');
  return bytes;
}

export function parseCpus(text: string): number {
  const cpus = /^\d{1,4}(\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(cpus >= 0.01)) throw refuse(`--cpus ${text}`, 'it is not a number of processors from 0.01 up');
  return cpus;
}

export const parsePids = parseWithin('--pids-limit', 'a number', 1, 4194304);
/** The bounds of cgroup v1, in which Podman and Docker count. */
export const parseCpuShares = parseWithin('--cpu-shares', 'a number', 2, 262144);
export const parseBlkioWeight = parseWithin('--blkio-weight', 'a weight', 10, 1000);
export const parseOomScore = parseWithin('--oom-score-adj', 'a number', -1000, 1000);

export function parseReservation(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw refuse(`--memory-reservation ${text}`, 'it is not a size such as 256m');
}

/** Memory and swap together, in bytes; Infinity for as much swap as the host has. */
export function parseMemorySwap(text: string): number {
  const bytes = text === '-1' ? Number.POSITIVE_INFINITY : parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw refuse(`--memory-swap ${text}`, 'it is neither a size such as 1g, of memory and swap together, nor -1');
}

export function checkSwappiness(text: string | undefined): void {
  if (text === undefined) return;
  throw refuse(`--memory-swappiness ${text}`, 'cgroup v2 knows none; --memory-swap bounds the swap itself');
}

/** The largest number of a processor or memory node that a Debian kernel is built for. */
const MAX_NUMBER = 8191;

/** `0-3,7`, as cpuset(7) has it. */
const parseSet = (option: string) => (text: string) => {
  const isRange = (range: string) => {
    const [, from, to = from] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range) ?? [];
    return from !== undefined && Number(from) <= Number(to) && Number(to) <= MAX_NUMBER;
  };
  if (text.length <= 1024 && text.split(',').every(isRange)) return text;
  throw refuse(`${option} ${text}`, 'it is not a list such as 0-3,7');
};

export const parseCpuset = parseSet('--cpuset-cpus');
export const parseMems = parseSet('--cpuset-mems');

export interface Throttle {
  /** Path of a block device. */
  device: string;
  /** As io.max has it. */
  key: 'rbps' | 'wbps' | 'riops' | 'wiops';
  rate: number;
  origin: string;
}

/** `PATH:RATE`; the rate in bytes or operations a second. */
const parseThrottle =
  (option: string, key: Throttle['key']) =>
  (text: string): Throttle => {
    const origin = `${option} ${text}`;
    const [, path = '', amount = ''] = /^(\/[^:\0]{1,4095}):(.*)$/s.exec(text) ?? [];
    const rate = key.endsWith('bps') ? parseSize(amount) : within(amount, 1, Number.MAX_SAFE_INTEGER);
    if (path === '' || rate === undefined || rate < 1)
      throw refuse(origin, 'it is not DEVICE:RATE with a rate a second');
    return { device: posix.normalize(path), key, rate, origin };
  };

export interface ThrottleFlags {
  deviceReadBps?: string[];
  deviceWriteBps?: string[];
  deviceReadIops?: string[];
  deviceWriteIops?: string[];
}

/** A device has one rate of a kind. */
export function parseThrottles(flags: ThrottleFlags): Throttle[] {
  const throttles = [
    ...(flags.deviceReadBps ?? []).map(parseThrottle('--device-read-bps', 'rbps')),
    ...(flags.deviceWriteBps ?? []).map(parseThrottle('--device-write-bps', 'wbps')),
    ...(flags.deviceReadIops ?? []).map(parseThrottle('--device-read-iops', 'riops')),
    ...(flags.deviceWriteIops ?? []).map(parseThrottle('--device-write-iops', 'wiops')),
  ];
  const seen = new Set<string>();
  for (const { device, key, origin } of throttles) {
    if (seen.has(`${key} ${device}`)) throw refuse(origin, `${device} is given twice`);
    seen.add(`${key} ${device}`);
  }
  return throttles;
}
