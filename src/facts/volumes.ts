/** What the sources of volumes are, as the caller sees them. */
import { realpathSync, statSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';

export interface VolumeFacts {
  /** Absolute, all symlinks resolved. */
  realPath: string;
  kind: 'directory' | 'file' | 'socket' | 'other';
}

/** Undefined when the source does not exist or cannot be reached; the errno name says which. */
export function readVolume(source: string): VolumeFacts | { missing: string } {
  try {
    const realPath = realpathSync(source);
    const stat = statSync(realPath);
    const kind = stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : stat.isSocket() ? 'socket' : 'other';
    return { realPath, kind };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return { missing: 'it does not exist' };
    if (hasErrno(error, 'EACCES', 'EPERM')) return { missing: 'this user may not reach it' };
    if (hasErrno(error, 'ELOOP')) return { missing: 'its symbolic links form a loop' };
    throw error;
  }
}
