/** Which subordinate ranges a user has, and a free one when there is none: FACTS of subuid(5), nothing of the host. Pure. */
import type { LoginDefs, PasswdEntry } from '../facts/accounts.js';
import { firstInside, whyForbidden } from '../facts/range-faults.js';
import { FIRST_FRESH, LAST_FRESH, RESERVED } from '../facts/reserved-ids.js';
import {
  type IdRange,
  lastId,
  mergeRanges,
  overlaps,
  ownerText,
  rangesByOwner,
  type SubidLine,
} from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';

export type IdKind = 'uid' | 'gid';
export const ID_KINDS = ['uid', 'gid'] as const;

/** One of the two files and the real ids that its ranges may not hold. */
export interface IdSpace {
  /** As people know it: `/etc/subuid`. */
  file: string;
  lines: readonly SubidLine[];
  /** Ids of accounts or groups; any order. */
  realIds: readonly number[];
  retired?: readonly RetiredRange[];
}

/**
 * The range of a line that was taken out: nobody else gets it, since files of the former owner may still have these ids.
 * One that iso-setup had added goes back to the same user; a run that was killed before its write left such notes as well.
 */
export interface RetiredRange extends IdRange {
  owner?: string;
  uid?: number | undefined;
}

/** What the allocator needs to know beside the files. */
export interface AllocatorFacts {
  policy: Policy['subids'];
  /** Decimal uids and further names of accounts -> the name by which the account goes, both as lines hold them. */
  names: ReadonlyMap<string, string>;
  loginDefs: LoginDefs;
  /** Users whose ranges are too small get a further one: `--repair`. */
  growsShort?: boolean;
}

export type IdSpaces = Record<IdKind, IdSpace>;

/** What a user has in one space: `fresh` is missing from the file and free. */
export interface UserRanges {
  present: IdRange[];
  fresh: IdRange | undefined;
  /** What is present is less than the policy asks for, and is left so. */
  isShort?: true;
  /** Lines of the user share ids with each other: the kernel takes no map in which an id comes twice. */
  isDoubled?: true;
  /** The source that gives these ranges, when it is not the files. */
  managedBy?: string;
}

/** Starts are multiples of this, as systemd and nspawn expect of container ranges. */
const ALIGNMENT = 65536;

export const formatRange = (owner: string, range: IdRange) => `${owner}:${range.start}:${range.count}`;
const alignUp = (id: number) => Math.ceil(id / ALIGNMENT) * ALIGNMENT;

/** @throws IsoError subid.corrupt naming the first line that cannot be believed */
export function requireSound(space: IdSpace): void {
  const broken = space.lines.flatMap((line, index) => (line.kind === 'broken' ? [{ line, number: index + 1 }] : []));
  const [first] = broken;
  if (!first) return;
  const more = broken.length > 1 ? ` (and ${broken.length - 1} more such lines)` : '';
  throw new IsoError(
    'subid.corrupt',
    `cannot use ${space.file}`,
    `line ${first.number} '${first.line.text.slice(0, 80)}': ${first.line.problem}${more}`,
  );
}

/** Walks the free blocks of a space upwards. Users ask one after the other, so all of them cost one walk. */
function freeBlocks(busy: readonly IdRange[], policy: Policy['subids']) {
  let at = alignUp(Math.max(policy.min, FIRST_FRESH));
  let index = 0;
  const lastStart = Math.min(policy.max, LAST_FRESH) - policy.count + 1;
  /** The lowest free start that is at least `from`. */
  return (from: number): number | undefined => {
    at = Math.max(at, alignUp(from));
    while (at <= lastStart) {
      let block = busy[index];
      while (block && lastId(block) < at) block = busy[++index];
      if (!block || at + policy.count <= block.start) return at;
      at = alignUp(lastId(block) + 1);
    }
    return undefined;
  };
}

/** Owner -> why one of its lines is no good, for owners whose lines share ids with another owner's. */
function findConflicts(space: IdSpace, ownerOf: (owner: string) => string): Map<string, string> {
  const conflicts = new Map<string, string>();
  const ranges = space.lines.flatMap((line) => (line.kind === 'range' ? [line] : []));
  ranges.sort((a, b) => a.start - b.start);
  let reach: (typeof ranges)[number] | undefined;
  for (const range of ranges) {
    if (reach && range.start <= lastId(reach) && ownerOf(range.owner) !== ownerOf(reach.owner)) {
      const why = `'${range.text}' and '${reach.text}' share ids from ${range.start}`;
      conflicts.set(ownerOf(range.owner), why);
      conflicts.set(ownerOf(reach.owner), why);
    }
    if (!reach || lastId(range) > lastId(reach)) reach = range;
  }
  return conflicts;
}

interface Indexed {
  space: IdSpace;
  ids: number[];
  byOwner: Map<string, IdRange[]>;
  conflicts: Map<string, string>;
  nextFree: (from: number) => number | undefined;
  /** Ascending, apart; retired ranges are not among them. */
  busy: IdRange[];
  formerly: Map<string, RetiredRange>;
}

function indexSpace(space: IdSpace, policy: Policy['subids'], ownerOf: (owner: string) => string): Indexed {
  requireSound(space);
  const ids = [...space.realIds].sort((a, b) => a - b);
  const lines = space.lines.flatMap((line) =>
    line.kind === 'range' ? [{ start: line.start, count: line.count }] : [],
  );
  const busy = mergeRanges([...lines, ...ids.map((start) => ({ start, count: 1 })), ...RESERVED]);
  const retired = space.retired ?? [];
  return {
    space,
    ids,
    busy,
    byOwner: rangesByOwner(space.lines),
    conflicts: findConflicts(space, ownerOf),
    nextFree: freeBlocks(retired.length === 0 ? busy : mergeRanges([...busy, ...retired]), policy),
    formerly: new Map(retired.flatMap((range) => (range.owner === undefined ? [] : [[range.owner, range] as const]))),
  };
}

/** The ranges that a user has already. @throws IsoError subid.overlap when others could use the same ids */
function presentRanges(index: Indexed, user: { name: string; uid: number }): IdRange[] {
  const { file } = index.space;
  const owner = ownerText(user.name);
  const present = [...(index.byOwner.get(owner) ?? []), ...(index.byOwner.get(String(user.uid)) ?? [])];
  const refuse = (why: string) =>
    new IsoError('subid.overlap', `cannot use the ranges of ${user.name} in ${file}`, why);
  const conflict = present.length > 0 ? index.conflicts.get(owner) : undefined;
  if (conflict !== undefined) throw refuse(conflict);
  for (const range of present) {
    const why = whyForbidden(firstInside([user.uid], range) === undefined ? index.ids : [user.uid], range);
    if (why !== undefined) throw refuse(`'${formatRange(user.name, range)}': ${why}`);
  }
  return present;
}

/** Directories cannot be listed, so the user's own id may be in no list: newuidmap(1) maps it beside the ranges. */
const ownId = ({ uid }: { uid: number }): IdRange => ({ start: uid, count: 1 });

function isDoubled(ranges: readonly IdRange[]): boolean {
  const sum = (all: readonly IdRange[]) => all.reduce((total, { count }) => total + count, 0);
  return ranges.length > 1 && sum(mergeRanges(ranges)) < sum(ranges);
}

/** The range shares no id with any of the ascending ranges, by bisection. */
function isApart(busy: readonly IdRange[], range: IdRange): boolean {
  let low = 0;
  let high = busy.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = busy[middle];
    if (one && lastId(one) < range.start) low = middle + 1;
    else high = middle;
  }
  const next = busy[low];
  return !next || next.start > lastId(range);
}

/** The one start at which the user had a range in all of these files, and can have it again. */
function formerStart(
  indexes: readonly Indexed[],
  user: { name: string; uid: number },
  count: number,
): number | undefined {
  const [first, ...others] = indexes.map(({ formerly }) => formerly.get(ownerText(user.name)));
  if (!first || others.some((one) => one?.start !== first.start)) return undefined;
  const isSame = [first, ...others].every((one) => one?.uid === user.uid && one.count === count);
  const isFree = indexes.every(({ busy }) => isApart(busy, first));
  return isSame && isFree && !overlaps(first, ownId(user)) ? first.start : undefined;
}

function exhausted({ policy, loginDefs }: AllocatorFacts): IsoError {
  const { subUidMin, subUidMax, subUidCount } = loginDefs;
  const { min, max, count } = policy;
  const blocks = Math.max(0, Math.floor((Math.min(max, LAST_FRESH) + 1 - alignUp(min)) / count));
  const users = subUidCount === 0 ? 0 : Math.floor((subUidMax - subUidMin + 1) / subUidCount);
  return new IsoError(
    'subid.exhausted',
    `cannot find ${count} free subordinate ids`,
    `no aligned block is left between subids.min ${min} and subids.max ${max}, which hold ${blocks} ranges of subids.count ${count}`,
    {
      hint:
        `raise subids.max (at most ${LAST_FRESH}) or lower subids.count in /etc/iso/policy.toml; useradd(8) goes by ` +
        `SUB_UID_MIN ${subUidMin}, SUB_UID_MAX ${subUidMax}, SUB_UID_COUNT ${subUidCount} and the same of SUB_GID_ in ` +
        `/etc/login.defs, which hold ${users} users`,
    },
  );
}

/** All spellings of an owner: its decimal uid, and further names with the same uid, of which the first in passwd(5) counts. */
export function spellings(users: readonly PasswdEntry[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { name, uid } of users) {
    const first = names.get(String(uid));
    if (first === undefined) names.set(String(uid), ownerText(name));
    else names.set(ownerText(name), first);
  }
  return names;
}

/**
 * Gives users their ranges, one after the other, in time linear in users and lines. A range of at least the policy's
 * size is kept; a user without one gets the lowest block that is free in both files, the same for uids and gids when
 * both are missing.
 * @throws IsoError subid.corrupt at once; subid.overlap and subid.exhausted for the user who is asked for
 */
export function createAllocator(
  spaces: IdSpaces,
  facts: AllocatorFacts,
): (user: { name: string; uid: number }) => Record<IdKind, UserRanges> {
  const { policy, names } = facts;
  const ownerOf = (owner: string) => names.get(owner) ?? owner;
  const index = { uid: indexSpace(spaces.uid, policy, ownerOf), gid: indexSpace(spaces.gid, policy, ownerOf) };
  let from = policy.min;
  return (user) => {
    const present = { uid: presentRanges(index.uid, user), gid: presentRanges(index.gid, user) };
    const has = (kind: IdKind) => present[kind].length > 0;
    const isLong = (range: IdRange) => range.count >= policy.count;
    // Most users have one range, and of that size: nothing has to be merged.
    const isShort = (kind: IdKind) => !present[kind].some(isLong) && !mergeRanges(present[kind]).some(isLong);
    const lacking = ID_KINDS.filter((kind) => isShort(kind) && (!has(kind) || facts.growsShort === true));
    const former =
      lacking.length > 0
        ? formerStart(
            lacking.map((kind) => index[kind]),
            user,
            policy.count,
          )
        : undefined;
    let start: number | undefined = from;
    // Both spaces must agree on one start: each skips its own busy blocks until neither moves any more.
    for (let last = -1; lacking.length > 0 && former === undefined && start !== undefined && start !== last; ) {
      last = start;
      for (const kind of lacking) start = start === undefined ? undefined : index[kind].nextFree(start);
      if (start !== undefined && overlaps({ start, count: policy.count }, ownId(user))) start = alignUp(user.uid + 1);
    }
    if (start === undefined) throw exhausted(facts);
    if (former !== undefined) start = former;
    else if (lacking.length > 0) from = start + policy.count;
    const rangesOf = (kind: IdKind): UserRanges =>
      lacking.includes(kind)
        ? { present: present[kind], fresh: { start: start as number, count: policy.count } }
        : {
            present: present[kind],
            fresh: undefined,
            ...(isShort(kind) ? { isShort: true as const } : {}),
            ...(isDoubled(present[kind]) ? { isDoubled: true as const } : {}),
          };
    return { uid: rangesOf('uid'), gid: rangesOf('gid') };
  };
}
