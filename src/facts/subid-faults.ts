/** Whether subuid(5) and subgid(5) are sound: the files, their lines, and ranges against each other and real ids. */
import { lstatSync, readFileSync } from 'node:fs';
import { formatMode } from '../lib/units.js';
import { type Fact, factOfError, measured } from './fact.js';
import { readSubidLines } from './subid-lines.js';
import { type IdRange, lastId, mergeRanges, type SubidLine } from './subids.js';

const SUBID_FILES = ['/etc/subuid', '/etc/subgid'] as const;
/** A file with thousands of bad lines is told in a few. */
const MAX_FAULTS = 20;

function fileFaults(file: string): string[] {
  const stat = lstatSync(file);
  if (!stat.isFile()) return [`${file}: it is not a regular file`];
  const faults: string[] = [];
  if (stat.uid !== 0 || stat.gid !== 0) faults.push(`${file}: it belongs to ${stat.uid}:${stat.gid}, not to root`);
  if ((stat.mode & 0o7777) !== 0o644) faults.push(`${file}: its mode is ${formatMode(stat.mode)}, not 0644`);
  readSubidLines(file).forEach((line, index) => {
    if (line.kind === 'broken') faults.push(`${file}:${index + 1}: ${line.problem}`);
  });
  return faults;
}

/** What is wrong with the two files themselves. */
export function readSubidFaults(): Fact {
  const faults: string[] = [];
  for (const file of SUBID_FILES) {
    try {
      faults.push(...fileFaults(file));
    } catch (error) {
      const fact = factOfError(error, () => measured([]));
      if (fact.kind !== 'measured') return fact;
      faults.push(`${file}: it does not exist`);
    }
  }
  return measured(faults.slice(0, MAX_FAULTS));
}

/** A name or uid of the account database; `id` is a real id that no range may hold. */
interface RealId {
  name: string;
  id: number;
}

interface Owned extends IdRange {
  owner: string;
}

/** The length of the longest run of ids without a gap. Pure. */
export function longestRun(ranges: readonly IdRange[]): number {
  return Math.max(0, ...mergeRanges(ranges).map(({ count }) => count));
}

/**
 * Ranges of different owners that share an id, and ranges that hold a real one. `canonical` gives one name to the two
 * spellings of an owner (login name and decimal uid). Cost n log n. Pure.
 */
export function findSharedIds(
  lines: readonly SubidLine[],
  realIds: readonly RealId[],
  canonical: (owner: string) => string,
): string[] {
  const ranges: Owned[] = lines.flatMap((line) =>
    line.kind === 'range' ? [{ owner: canonical(line.owner), start: line.start, count: line.count }] : [],
  );
  ranges.sort((a, b) => a.start - b.start);
  const shared: string[] = [];
  let reach: Owned | undefined;
  for (const range of ranges) {
    if (reach && range.start <= lastId(reach) && range.owner !== reach.owner) {
      shared.push(`${reach.owner} and ${range.owner} share ids from ${range.start}`);
    }
    if (!reach || lastId(range) > lastId(reach)) reach = range;
  }
  const ids = [...realIds].sort((a, b) => a.id - b.id);
  for (const { owner, start, count } of ranges) {
    const first = ids[firstAtLeast(ids, start)];
    if (first && first.id < start + count)
      shared.push(`the range of ${owner} holds ${first.id}, the id of ${first.name}`);
  }
  return shared.slice(0, MAX_FAULTS);
}

/** Index of the first id that is at least `start`, by bisection. */
function firstAtLeast(ids: readonly RealId[], start: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle]?.id ?? 0) < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `root:x:0:…` lines of passwd(5) and group(5), where name and id are fields 1 and 3. Pure. */
function parseRealIds(text: string): RealId[] {
  return text.split('\n').flatMap((line) => {
    const [name, , id] = line.split(':');
    return name && /^\d{1,10}$/.test(id ?? '') ? [{ name, id: Number(id) }] : [];
  });
}

/** Ids of users that other users' ranges hold too, or that are real accounts' ids. */
export function readSharedIds(): Fact {
  const shared: string[] = [];
  try {
    const users = parseRealIds(readFileSync('/etc/passwd', 'utf8'));
    const names = new Map(users.map(({ name, id }) => [String(id), name]));
    const groups = parseRealIds(readFileSync('/etc/group', 'utf8'));
    for (const [file, ids] of [['/etc/subuid', users] as const, ['/etc/subgid', groups] as const]) {
      const found = findSharedIds(readSubidLines(file), ids, (owner) => names.get(owner) ?? owner);
      shared.push(...found.map((text) => `${file}: ${text}`));
    }
    return measured(shared);
  } catch (error) {
    return factOfError(error);
  }
}
