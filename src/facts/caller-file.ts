/** Small files that a command line names: read once, as the caller. */
import { closeSync, openSync, readSync } from 'node:fs';
import { asIsoError, IsoError } from '../lib/errors.js';

const MAX_BYTES = 2 ** 20;

const unreadable = (path: string, why: string, cause?: unknown) =>
  new IsoError('file.unreadable', `cannot read ${path}`, why, { cause });

/** To its end, a byte too much at most. */
function readBounded(fd: number): Buffer {
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  let [size, got] = [0, 1];
  for (; got > 0 && size < bytes.length; size += got) got = readSync(fd, bytes, size, bytes.length - size, null);
  return bytes.subarray(0, size);
}

function readWhole(path: string): Buffer {
  // By its number: the path of standard input may belong to somebody else.
  if (path === '-') return readBounded(0);
  const fd = openSync(path, 'r');
  try {
    return readBounded(fd);
  } finally {
    closeSync(fd);
  }
}

/** `-` for standard input. Also of a pipe, so that secrets need no file. @throws IsoError file.unreadable */
export function readCallerBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readWhole(path);
  } catch (error) {
    throw unreadable(path, asIsoError(error).why, error);
  }
  if (bytes.length <= MAX_BYTES) return bytes;
  throw unreadable(path, `it is larger than ${MAX_BYTES} bytes`);
}

export const readCallerFile = (path: string): string => readCallerBytes(path).toString('utf8');
