/** The way to a home, from the root directory: every part of it must be in root's hands alone. */
import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import { formatMode } from '../lib/units.js';
import type { PasswdEntry } from './accounts.js';

const MAX_LINKS = 16;

function unsafe(account: PasswdEntry, path: string, why: string): IsoError {
  return new IsoError('home.unsafe', `cannot use the home ${account.home} of ${account.name}`, `${path} ${why}`, {
    hint: 'let the home and the directories above it belong to root or to the user, and to nobody else',
  });
}

/** Above a home: root's, and writable by nobody else, or whoever can write it decides what the home is. */
function requireRootOnly(account: PasswdEntry, path: string, owner: number, mode: number): void {
  if (owner !== 0 && owner !== process.geteuid?.()) throw unsafe(account, path, `belongs to uid ${owner}, not to root`);
  if ((mode & 0o022) !== 0) throw unsafe(account, path, `has mode ${formatMode(mode)}: others than root can write it`);
}

function lstat(account: PasswdEntry, path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new IsoError('home.missing', `cannot find the home of ${account.name}`, `${path} does not exist`);
  }
}

/**
 * The home without symbolic links, below `root`. Links of root's (such as /home -> /srv/home) are followed, since only
 * root could have made and could change them; the home itself may not be one.
 * @throws IsoError home.missing, home.unsafe
 */
export function resolveHome(root: string, account: PasswdEntry): string {
  if (!account.home.startsWith('/')) throw unsafe(account, account.home || "''", 'is not an absolute path');
  const rest = account.home.split('/').filter((part) => part !== '' && part !== '.');
  const done: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const part = rest.shift() ?? '';
    if (part === '..') {
      done.pop();
      continue;
    }
    const path = join(root, ...done, part);
    const stat = lstat(account, path);
    if (stat.isSymbolicLink()) {
      if (stat.uid !== 0 || rest.length === 0) throw unsafe(account, path, 'is a symbolic link');
      links += 1;
      if (links > MAX_LINKS) throw unsafe(account, path, 'leads through too many symbolic links');
      const target = readlinkSync(path);
      if (target.startsWith('/')) done.length = 0;
      rest.unshift(...target.split('/').filter((piece) => piece !== '' && piece !== '.'));
      continue;
    }
    if (!stat.isDirectory()) throw unsafe(account, path, 'is not a directory');
    if (rest.length > 0) requireRootOnly(account, path, stat.uid, stat.mode);
    done.push(part);
  }
  if (done.length === 0) throw unsafe(account, '/', 'is the root directory');
  return join(root, ...done);
}
