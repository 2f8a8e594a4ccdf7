/** Small files that a command line names: read once, as the caller. */
import { closeSync, openSync, readSync } from 'node:fs';
import { asIsoError, IsoError } from '../lib/errors.js';

const MAX_BYTES = 2 ** 20;

/** Also of a pipe, so that secrets need no file. @throws IsoError file.unreadable */
export function readCallerFile(path: string): string {
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  let [size, got] = [0, 1];
  try {
    const fd = openSync(path, 'r');
    try {
      for (; got > 0 && size < bytes.length; size += got) got = readSync(fd, bytes, size, bytes.length - size, null);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new IsoError('file.unreadable', `cannot read ${path}`, asIsoError(error).why, { cause: error });
  }
  if (size <= MAX_BYTES) return bytes.toString('utf8', 0, size);
  throw new IsoError('file.unreadable', `cannot read ${path}`, `it is larger than ${MAX_BYTES} bytes`);
}
