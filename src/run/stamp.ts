/** What tells a file from its former self without reading it. */
import { statSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';

export interface Stamp {
  text: string;
  changed: bigint;
}

/** Of a file that may be absent. */
export function stampOf(path: string): Stamp {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    // A file's ctime is never older than its content: it changes with everything (inode(7)).
    return { text: [dev, ino, size, mtimeNs, ctimeNs].join(':'), changed: ctimeNs };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return { text: '-', changed: 0n };
    throw error;
  }
}
