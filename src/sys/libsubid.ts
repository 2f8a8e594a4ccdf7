/** libsubid, which newuidmap(1) goes by: the subordinate ranges of a user from whatever source nsswitch.conf names. */
import { IsoError } from '../lib/errors.js';
import { cFunction, ffi } from './ffi.js';

/** Debian 13 has the first, Debian 12 the second; what is used here is the same in both. */
const LIBRARIES = ['libsubid.so.5', 'libsubid.so.4'];
/** `struct subid_range` of <shadow/subid.h>: two unsigned longs. */
const RANGE_BYTES = 16;
const MAX_RANGES = 1024;

function loaded(): string {
  for (const library of LIBRARIES) {
    try {
      cFunction(library, 'bool subid_init(const char *program, void *log)')('iso-toolkit', null);
      return library;
    } catch {
      // This release has another.
    }
  }
  throw new IsoError('feature.missing', 'cannot ask for subordinate ids', 'libsubid is not installed', {
    hint: 'install the package uidmap',
  });
}

/** The ranges of a user as newuidmap(1) and newgidmap(1) see them. @throws IsoError feature.missing, os.failed */
export function libsubidRanges(kind: 'uid' | 'gid', name: string): { start: number; count: number }[] {
  const get = cFunction(loaded(), `int subid_get_${kind}_ranges(const char *owner, _Out_ void **ret_ranges)`);
  const ranges: unknown[] = [null];
  const found = get(name, ranges);
  if (found < 0 || found > MAX_RANGES) {
    throw new IsoError('os.failed', `cannot ask for the subordinate ${kind}s of ${name}`, 'libsubid gave no answer');
  }
  if (found === 0) return [];
  const bytes = Buffer.from(ffi().decode(ranges[0], 'uint8_t', found * RANGE_BYTES) as Uint8Array);
  cFunction('libc.so.6', 'void free(void *memory)')(ranges[0]);
  return Array.from({ length: found }, (_, index) => ({
    start: Number(bytes.readBigUInt64LE(index * RANGE_BYTES)),
    count: Number(bytes.readBigUInt64LE(index * RANGE_BYTES + 8)),
  }));
}
