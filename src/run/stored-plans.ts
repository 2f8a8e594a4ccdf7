/**
 * Compiled plans for the native front, which launches a run of the same shape without starting Node. The format is told in
 * native/entry.h. An entry holds as long as everything that it was compiled from is as it was, which the front looks at.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../lib/errors.js';
import { encodePlan } from '../sys/launcher/encode.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import { encodeTokens } from '../sys/wire.js';
import { constantsOf, type PreparedRun, type RunSources } from './prepare.js';
import type { FilterProgram } from './spec.js';
import { type Stamp, stampOf } from './stamp.js';
import { encodeFilters, FILTER_FILE } from './stored-filter.js';

/** A change within the resolution of a file system's clock could go unseen. */
const SETTLED_NS = 2_000_000_000n;
const MAX_ENTRIES = 256;

function readKernelText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EINVAL', 'EACCES')) return '';
    throw error;
  }
}

/** FNV-1a, 64 bits: the front has the same. Equal names do no harm, since the key is in the entry. */
export function entryName(key: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(key)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, '0');
}

/** What is kept of a launch. */
export interface Storable {
  plan: LaunchPlan;
  sources: RunSources;
  room: PreparedRun['room'];
  warnings: readonly string[];
  /** Values that are the same in every launch of the plan. */
  constants: RunValues;
  /** The directory of the user's session. */
  session: string;
  /** Filters that were compiled for it. */
  filters?: { key: string; programs: FilterProgram[] };
}

function encodeEntry(key: string, storable: Storable, stamps: ReadonlyMap<string, Stamp>): Buffer {
  const { plan, sources, room, warnings, constants } = storable;
  const texts = sources.texts.map((path) => [path, readKernelText(path)] as const);
  const list = (items: readonly (string | readonly string[])[]) => [items.length, ...items.flat()];
  return encodeTokens([
    ...['ISOENTRY1', key],
    ...list([...stamps].map(([path, { text }]) => [path, text])),
    ...list(texts),
    ...list(sources.hidden),
    ...[room.refuse, room.home, room.tree],
    ...list(warnings),
    ...list(constants.map(([name, text]) => [name, text])),
    encodePlan(plan),
    ...list(plan.map(({ origin }) => origin)),
  ]);
}

function collectStamps({ files }: RunSources, before: bigint): Map<string, Stamp> | undefined {
  const stamps = new Map([...new Set(files)].map((path) => [path, stampOf(path)]));
  const isSettled = [...stamps.values()].every(({ changed }) => changed < before - SETTLED_NS);
  return isSettled ? stamps : undefined;
}

/** Room for shapes of runs that come again: when there are too many, all are made anew. */
function sweep(folder: string): void {
  const names = readdirSync(folder);
  if (names.length < MAX_ENTRIES) return;
  for (const name of names) rmSync(join(folder, name), { force: true });
}

/** A reader sees the old one or the new one. */
function replace(file: string, bytes: Buffer): void {
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/**
 * Keeps a plan for the next launch with the same key, unless what it was compiled from is so young that a change could go
 * unseen. `since`: when the compilation began, in milliseconds. A plan that cannot be kept is no failure of the launch.
 */
export function storePlan(key: string, storable: Storable, since: number): void {
  const stamps = collectStamps(storable.sources, BigInt(since) * 1_000_000n);
  if (!stamps) return;
  const { session, filters } = storable;
  const folder = join(session, 'plans');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(session, 0o700);
    sweep(folder);
    replace(join(folder, entryName(key)), encodeEntry(key, storable, stamps));
    if (filters) replace(join(session, FILTER_FILE), encodeFilters(filters.key, filters.programs));
  } catch (error) {
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EEXIST', 'ENOENT')) throw error;
  }
}

/** The plan of a run, unless directories were hidden in its volumes: another volume could have others. */
export function storeRun(key: string, prepared: PreparedRun, since: number): void {
  if (prepared.spec.volumes.some(({ masks }) => masks.length > 0)) return;
  const { filter, spec } = prepared;
  const filters = filter.isStored ? {} : { filters: { key: filter.key, programs: spec.seccomp } };
  storePlan(key, { ...prepared, ...filters, warnings: spec.warnings, constants: constantsOf(prepared) }, since);
}
