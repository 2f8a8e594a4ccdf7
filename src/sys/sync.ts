/** Whole file systems written to disk: cheaper than file by file where there are many. */
import { closeSync, constants, openSync } from 'node:fs';
import { cFunction, errnoError } from './ffi.js';

/** What was written below the file system of this directory of root's is on disk (syncfs(2)). @throws system errors, also of what was written */
export function syncFileSystem(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const syncfs = cFunction('libc.so.6', 'int syncfs(int fd)');
    if (syncfs(fd) !== 0) throw errnoError('syncfs', directory);
  } finally {
    closeSync(fd);
  }
}
