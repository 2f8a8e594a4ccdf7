/** Owner, type and mode of what a user keeps private, beneath an opened home. */
import { formatMode } from '../lib/units.js';
import { type SafeOptions, statSafe } from '../sys/safe-file.js';
import { denied, type Fact, measured } from './fact.js';

/**
 * What is wrong with the entries at `paths`: each must be a directory (or a file with one name) of the owner, with no
 * more rights than `mode`. Entries that do not exist are a fault only when `required`.
 */
export function readTreeFaults(
  home: number,
  paths: readonly string[],
  want: { kind: 'directory' | 'file'; mode: number; required: boolean },
  options: SafeOptions,
): Fact {
  const faults: string[] = [];
  for (const path of paths) {
    const found = statSafe(home, path, options);
    if (!found.ok) {
      if (found.reason === 'denied') return denied(`${path}: ${found.why}`);
      if (found.reason !== 'missing' || want.required) faults.push(`${path}: ${found.why}`);
      continue;
    }
    const { stat } = found;
    const isKind = want.kind === 'file' ? stat.isFile() : stat.isDirectory();
    if (!isKind) faults.push(`${path}: it is not a ${want.kind === 'file' ? 'regular file' : 'directory'}`);
    else if (stat.uid !== options.owner) faults.push(`${path}: it belongs to uid ${stat.uid}`);
    else if ((stat.mode & 0o7777 & ~want.mode) !== 0) {
      faults.push(`${path}: its mode is ${formatMode(stat.mode)}, at most ${formatMode(want.mode)} is allowed`);
    } else if (want.kind === 'file' && stat.nlink !== 1) faults.push(`${path}: it has ${stat.nlink} hard links`);
  }
  return measured(faults);
}
