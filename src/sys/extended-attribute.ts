/** Extended attributes, for which Node has no calls. */
import { constants } from 'node:os';
import { cFunction, errnoError, ffi } from './ffi.js';

const MAX_VALUE_BYTES = 1024;

/** The value, or undefined when the file has none, the file system knows none, or the file is not there to be read. */
export function readExtendedAttribute(path: string, name: string): Buffer | undefined {
  const getxattr = cFunction(
    'libc.so.6',
    'long getxattr(const char *path, const char *name, void *value, size_t size)',
  );
  const value = Buffer.alloc(MAX_VALUE_BYTES);
  const length = Number(getxattr(path, name, value, value.length));
  if (length >= 0) return value.subarray(0, length);
  const { ENODATA, EOPNOTSUPP, ENOENT, EACCES } = constants.errno;
  if ([ENODATA, EOPNOTSUPP, ENOENT, EACCES].includes(ffi().errno())) return undefined;
  throw errnoError('getxattr', path);
}
