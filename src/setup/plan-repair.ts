/** `--repair`: what becomes of each faulty line of the two files, and who gets a new range for one taken out. Pure. */
import type { IdUse } from '../facts/id-use.js';
import { type RangeFault, repairLines, showLine } from '../facts/range-faults.js';
import { type IdRange, lastId, mergeRanges, overlaps, parseSubids, type SubidLine } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { formatRange, ID_KINDS, type IdKind, type UserRanges } from './plan-subids.js';
import { type Item, item } from './step.js';

/** An owner as lines name one, and the account behind it. */
export interface Owner {
  name: string;
  uid: number;
}

export interface RepairFacts {
  lines: Record<IdKind, readonly SubidLine[]>;
  faults: Record<IdKind, readonly RangeFault[]>;
  /** By the name that stands for all spellings of an owner; owners that are no account are missing. */
  owners: ReadonlyMap<string, Owner>;
  ownerOf: (owner: string) => string;
  /** Ids of accounts and groups: processes that run with one use no range. */
  realIds: Record<IdKind, readonly number[]>;
  /** Ids that a range of the policy has. */
  count: number;
}

const isLost = ({ kind, replacement, owner }: RangeFault): boolean =>
  (kind === 'reserved' || kind === 'overlap') && replacement === undefined && owner !== undefined;

const rangesIn = (lines: readonly SubidLine[]) => lines.flatMap((line) => (line.kind === 'range' ? [line] : []));

/** The lines of each file as they are without their faults. */
export const repairedLines = ({ lines, faults }: Pick<RepairFacts, 'lines' | 'faults'>) => ({
  uid: repairLines(lines.uid, faults.uid),
  gid: repairLines(lines.gid, faults.gid),
});

/** Accounts whose range is taken out and who have none left that is large enough: they get a new one. */
export function movedOwners(facts: RepairFacts): Owner[] {
  const moved = new Map<number, Owner>();
  const after = repairedLines(facts);
  for (const id of ID_KINDS) {
    const kept = mergedByOwner(after[id], facts.ownerOf);
    for (const fault of facts.faults[id].filter(isLost)) {
      const name = facts.ownerOf(fault.owner ?? '');
      const owner = facts.owners.get(name);
      const hasEnough = kept.get(name)?.some(({ count }) => count >= facts.count) ?? false;
      if (owner && !hasEnough) moved.set(owner.uid, owner);
    }
  }
  return [...moved.values()];
}

/** The part of what a process uses that the line gives it, unless another line of the same owner still does. */
function usesLine(used: IdRange, line: IdRange, kept: readonly IdRange[]): boolean {
  if (!overlaps(used, line)) return false;
  const start = Math.max(used.start, line.start);
  const count = Math.min(lastId(used), lastId(line)) - start + 1;
  return !kept.some((one) => one.start <= start && lastId(one) >= start + count - 1);
}

/**
 * Files and processes of a container keep the ids that they have, so a range in use stays.
 * @throws IsoError container.running naming line and process
 */
export function requireUnused(facts: RepairFacts, uses: readonly IdUse[]): void {
  const after = repairedLines(facts);
  for (const id of ID_KINDS) {
    const kept = mergedByOwner(after[id], facts.ownerOf);
    const real = new Set(facts.realIds[id]);
    for (const fault of facts.faults[id].filter(isLost)) {
      const [line] = rangesIn(parseSubids(fault.text.replace(/\r$/, '')));
      const name = facts.ownerOf(fault.owner ?? '');
      const uid = facts.owners.get(name)?.uid;
      if (!line) continue;
      const user = uses.find(
        ({ owner, uids, gids }) =>
          (owner === undefined || uid === undefined || owner === uid || overlaps(line, { start: owner, count: 1 })) &&
          (id === 'uid' ? uids : gids).some(
            (used) => !(used.count === 1 && real.has(used.start)) && usesLine(used, line, kept.get(name) ?? []),
          ),
      );
      if (!user) continue;
      const why = `process ${user.pid} (${user.command}) uses ids of line ${fault.line} '${showLine(fault.text)}', which would be taken out: ${fault.why}`;
      throw new IsoError('container.running', `cannot repair /etc/sub${id}`, why, {
        hint: `end it first: \`ps ${user.pid}\` shows what it is; or correct the other line by hand`,
      });
    }
  }
}

function mergedByOwner(lines: readonly SubidLine[], ownerOf: (owner: string) => string): Map<string, IdRange[]> {
  const byOwner = new Map<string, IdRange[]>();
  for (const line of rangesIn(lines)) {
    const owner = ownerOf(line.owner);
    const ranges = byOwner.get(owner);
    if (ranges) ranges.push(line);
    else byOwner.set(owner, [line]);
  }
  return new Map([...byOwner].map(([owner, ranges]) => [owner, mergeRanges(ranges)]));
}

const TAKEN_OUT = 'taken out, kept in /var/lib/iso/removed-lines.json';

function planFault(id: IdKind, fault: RangeFault): Item {
  const { line, text, why, replacement, kind } = fault;
  const desired =
    kind === 'newline' ? 'ends in a newline' : replacement === undefined ? TAKEN_OUT : showLine(replacement);
  const words = { kind: 'subids', subject: `/etc/sub${id}:${line}`, current: showLine(text), desired };
  return item.todo('create', words, { kind: 'subids.repair', args: { id, fault } }, why);
}

/** New ranges of owners who lose theirs: `granted` is in the order of `moved`. */
export function planRepair(
  faults: RepairFacts['faults'],
  moved: readonly { owner: Owner; ranges: Record<IdKind, UserRanges> }[],
): Item[] {
  const items = ID_KINDS.flatMap((id) => faults[id].map((fault) => planFault(id, fault)));
  for (const { owner, ranges } of moved) {
    for (const id of ID_KINDS) {
      const { fresh } = ranges[id];
      if (!fresh) continue;
      const words = {
        kind: 'subids',
        subject: `/etc/sub${id}`,
        current: 'none',
        desired: formatRange(owner.name, fresh),
      };
      const args = { id, owner: owner.name, uid: owner.uid, range: fresh };
      const reason = `what ${owner.name} has stored with the old ids must be made anew (\`podman system reset\`)`;
      items.push(item.todo('create', words, { kind: 'subids.add', args }, reason));
    }
  }
  if (items.length === 0) {
    const words = { kind: 'subids', subject: '/etc/subuid, /etc/subgid', current: 'sound', desired: 'sound' };
    return [item.unchanged('create', words, 'no line is broken, comes twice or shares ids with another')];
  }
  return items;
}
