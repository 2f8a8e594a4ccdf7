/** What the sources of volumes are, as the caller sees them. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasErrno } from '../lib/errors.js';

export interface VolumeFacts {
  /** Absolute, all symlinks resolved. */
  realPath: string;
  kind: 'directory' | 'file' | 'socket' | 'other';
  /** Device and inode, as the launcher writes them. */
  identity: string;
}

/** The path without symlinks; what does not exist yet keeps its names below the part that does. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathOf(parent), basename(path));
  }
}

/** What a source is, or in words why it cannot be reached. */
export function readVolume(source: string): VolumeFacts | { missing: string } {
  try {
    const realPath = realpathSync(source);
    const stat = statSync(realPath, { bigint: true });
    const kind = stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : stat.isSocket() ? 'socket' : 'other';
    return { realPath, kind, identity: `${stat.dev}:${stat.ino}` };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return { missing: 'it does not exist' };
    if (hasErrno(error, 'EACCES', 'EPERM')) return { missing: 'this user may not reach it' };
    if (hasErrno(error, 'ELOOP')) return { missing: 'its symbolic links form a loop' };
    throw error;
  }
}
