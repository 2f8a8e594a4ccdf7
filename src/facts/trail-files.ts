/** Owner and modes of the audit trail's files. */
import { lstatSync, readdirSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { formatMode } from '../lib/units.js';
import { absent, type Fact, factOfError, measured } from './fact.js';

/** Each entry of the trail directory, itself included, that others could read or write, or that is not root's. */
export function readTrailFaults(directory: string, owner = 0): Fact {
  const faults: string[] = [];
  const judge = (path: string, allowed: number, kind: 'isFile' | 'isDirectory') => {
    const stat = lstatSync(path);
    if (!stat[kind]()) faults.push(`${path}: it is not a ${kind === 'isFile' ? 'regular file' : 'directory'}`);
    else if (stat.uid !== owner) faults.push(`${path}: it belongs to uid ${stat.uid}`);
    else if ((stat.mode & 0o7777 & ~allowed) !== 0) {
      faults.push(`${path}: its mode is ${formatMode(stat.mode)}, at most ${formatMode(allowed)} is allowed`);
    }
  };
  try {
    judge(directory, 0o750, 'isDirectory');
    for (const name of readdirSync(directory)) {
      try {
        judge(`${directory}/${name}`, 0o640, 'isFile');
      } catch (error) {
        // Rotated away between listing and looking.
        if (!hasErrno(error, 'ENOENT')) throw error;
      }
    }
    return measured(faults);
  } catch (error) {
    return factOfError(error, () => absent(`nothing was recorded yet in ${directory}`));
  }
}
