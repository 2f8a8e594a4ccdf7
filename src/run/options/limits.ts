/** Numbers and sizes that bound a container. Pure. */
import { parseSize } from '../../lib/units.js';
import { refuse } from './refuse.js';

const MIN_MEMORY = 4 * 2 ** 20;

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

export function parsePids(text: string): number {
  const pids = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(pids >= 1 && pids <= 4194304)) throw refuse(`--pids-limit ${text}`, 'it is not a number from 1 to 4194304');
  return pids;
}
