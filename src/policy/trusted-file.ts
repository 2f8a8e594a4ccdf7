/** Files of administrators: whoever can write one decides what root does by it, so loose files and links are refused. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { formatMode } from '../lib/units.js';

/** Why others could change it, or undefined. Root trusts root alone; anybody else trusts root and the own files. */
export function trustFault(
  stat: Stats,
  kind: 'file' | 'directory',
  euid = process.geteuid?.() ?? 0,
): string | undefined {
  if (kind === 'file' ? !stat.isFile() : !stat.isDirectory()) {
    return stat.isSymbolicLink() ? 'it is a symbolic link' : `it is not a ${kind}`;
  }
  if (stat.uid !== 0 && stat.uid !== euid) return `it belongs to uid ${stat.uid}`;
  if ((stat.mode & 0o022) !== 0) return `others may write to it (mode ${formatMode(stat.mode)})`;
  return undefined;
}

/** The same of a directory by its path; one that does not exist has no fault. */
export function directoryFault(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat && trustFault(stat, 'directory');
}

/** The text of a file, why it is refused, or undefined when it does not exist. @throws system errors */
export function readTrustedFile(path: string, maxBytes: number): { text: string } | { fault: string } | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (hasErrno(error, 'ELOOP')) return { fault: 'it is a symbolic link' };
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    const fault = trustFault(stat, 'file');
    if (fault !== undefined) return { fault };
    if (stat.size > maxBytes) return { fault: `it has more than ${maxBytes} bytes` };
    return { text: readFileSync(fd, 'utf8') };
  } finally {
    closeSync(fd);
  }
}
