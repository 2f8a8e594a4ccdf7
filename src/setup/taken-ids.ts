/** Ids of accounts that planned ranges hold: what directories such as LDAP know and the account files do not (CVE-2024-56433). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findTakenIds, listIds } from '../facts/accounts.js';
import { type IdRange, lastId } from '../facts/subids.js';
import { hasErrno } from '../lib/errors.js';
import { USERS_DIR } from './state.js';

/** Those of the ids that lie in one of the ranges, which do not overlap; cost n log n. Pure. */
export function idsInside(ids: readonly number[], ranges: readonly IdRange[]): number[] {
  const sorted = [...ids].sort((a, b) => a - b);
  const inside: number[] = [];
  let index = 0;
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    while ((sorted[index] ?? Number.POSITIVE_INFINITY) < range.start) index += 1;
    for (; (sorted[index] ?? Number.POSITIVE_INFINITY) <= lastId(range); index += 1) inside.push(sorted[index] ?? 0);
  }
  return inside;
}

/** Uids of everybody who was ever set up here: of a directory's users nobody else can tell. */
function knownUids(root: string): number[] {
  try {
    return readdirSync(join(root, USERS_DIR)).flatMap((name) =>
      /^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : [],
    );
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

/**
 * Ids inside the new ranges: of the users of this call and of earlier ones, of what the sources list when `list` is set, and at both ends of
 * each range, since many directories answer for an id and list nothing.
 */
export async function takenIds(
  root: string,
  ranges: readonly IdRange[],
  uids: readonly number[],
  list: boolean,
): Promise<number[]> {
  if (ranges.length === 0) return [];
  const inside = idsInside([...uids, ...knownUids(root)], ranges);
  if (root !== '/') return inside;
  const ends = [...new Set(ranges.flatMap((range) => [range.start, lastId(range)]))];
  return [...inside, ...(list ? idsInside(await listIds(), ranges) : []), ...(await findTakenIds(ends))];
}
