/**
 * The compiled system-call filters of the last run, beside the plans: libseccomp takes longer for them than all else that a run
 * without a plan needs. One set, since nearly all runs have the same.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../lib/errors.js';
import { installed } from '../sys/install.js';
import { decodeTokens, encodeTokens } from '../sys/wire.js';
import type { LoggedFilter } from './seccomp-filters.js';
import type { FilterProgram } from './spec.js';
import { stampOf } from './stamp.js';

/** In the session's directory. */
export const FILTER_FILE = 'filter';
const MAGIC = 'ISOFILTER2';
const MAX_BYTES = 256 << 10;
const TRIPLETS: Record<string, string> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** What compiles filters: another version may make other programs of the same rules. */
export const FILTER_LIBRARY = `/usr/lib/${TRIPLETS[process.arch]}/libseccomp.so.2`;

/** What the programs are compiled from, and what compiles them. */
export function filterKey(filters: readonly LoggedFilter[]): string {
  const own = ['iso-run.js', 'iso-run-run.js'].map(installed);
  const compilers = [...own, FILTER_LIBRARY];
  const rules = JSON.stringify(filters, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  const parts = [process.arch, ...compilers.map((path) => stampOf(path).text), rules];
  return createHash('sha256').update(encodeTokens(parts)).digest('hex');
}

/** The user's own file, as it was written: no link, no second name, closed to others. */
function readOwn(path: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO')) return undefined;
    throw error;
  }
  try {
    const { uid, nlink, mode, size } = fstatSync(fd);
    const isOwn = (mode & constants.S_IFMT) === constants.S_IFREG && uid === process.geteuid?.() && nlink === 1;
    return isOwn && (mode & 0o077) === 0 && size <= MAX_BYTES ? readFileSync(fd) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** The programs of this many filters with this key; undefined when others are kept, or none. */
export function readStoredFilters(session: string, key: string, count: number): FilterProgram[] | undefined {
  const bytes = readOwn(join(session, FILTER_FILE));
  const [magic, ownKey, ...programs] = (bytes && decodeTokens(bytes)) ?? [];
  if (magic?.toString() !== MAGIC || ownKey?.toString() !== key || programs.length !== count) return undefined;
  return programs.map((token) => ({ log: token[0] === 1, program: token.subarray(1) }));
}

export function encodeFilters(key: string, programs: readonly FilterProgram[]): Buffer {
  return encodeTokens([
    MAGIC,
    key,
    ...programs.map(({ log, program }) => Buffer.concat([Buffer.from([log ? 1 : 0]), program])),
  ]);
}
