/** `iso-setup user --repair`: faulty lines of /etc/subuid and /etc/subgid, read, planned, and put right in one write. */
import { type IdUse, readIdUses } from '../facts/id-use.js';
import { ownerText, rangeLine, type SubidLine } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { isTodo, noteDone } from './job.js';
import type { Journal } from './journal-file.js';
import { movedOwners, planRepair, type RepairFacts, repairedLines, requireUnused } from './plan-repair.js';
import { createAllocator, ID_KINDS, type IdKind } from './plan-subids.js';
import { requireFiles } from './range-source.js';
import { readRangeFiles } from './read-range-files.js';
import type { RangesState, RemovedLine } from './state.js';
import type { Plan } from './step.js';
import { rewriteRanges, toSpaces } from './subid-files.js';
import { takenIds } from './taken-ids.js';

type Lines = Record<IdKind, readonly SubidLine[]>;

export interface Repair {
  plan: Plan;
  /** The files as they are after it. */
  lines: Lines;
}

interface Made extends Repair {
  texts: Record<IdKind, string>;
  removed: RemovedLine[];
  added: Record<IdKind, SubidLine[]>;
  owners: RangesState['owners'];
}

/** What is taken out, with the reason and the time. */
function removedBy(facts: RepairFacts): RemovedLine[] {
  const time = new Date().toISOString();
  return ID_KINDS.flatMap((file) =>
    facts.faults[file].flatMap(({ replacement, text, why }) =>
      replacement === undefined ? [{ file, text, why, time }] : [],
    ),
  );
}

async function makeRepair(root: string, uses: () => readonly IdUse[]): Promise<Made> {
  const { facts, allocation, texts } = await readRangeFiles(root);
  requireUnused(facts, uses());
  const kept = repairedLines(facts);
  const moved = movedOwners(facts);
  const removed = removedBy(facts);
  const notes = { ...allocation.notes, removed: [...allocation.notes.removed, ...removed] };
  const allocate = (taken: readonly number[]) => {
    const realIds = { uid: [...allocation.realIds.uid, ...taken], gid: [...allocation.realIds.gid, ...taken] };
    const all = { ...allocation, realIds, notes };
    const next = createAllocator(toSpaces(kept, all), all);
    return moved.map((owner) => ({ owner, ranges: next(owner) }));
  };
  const first = allocate([]);
  const fresh = (given: typeof first) =>
    given.flatMap(({ ranges }) => ID_KINDS.flatMap((id) => ranges[id].fresh ?? []));
  const taken = await takenIds(
    root,
    fresh(first),
    moved.map(({ uid }) => uid),
    false,
  );
  const given = taken.length === 0 ? first : allocate(taken);
  const addedTo = (id: IdKind) =>
    given.flatMap(({ owner, ranges }) => (ranges[id].fresh ? [rangeLine(owner.name, ranges[id].fresh)] : []));
  const added = { uid: addedTo('uid'), gid: addedTo('gid') };
  return {
    plan: { subject: 'subordinate ids', items: planRepair(facts.faults, given) },
    lines: { uid: [...kept.uid, ...added.uid], gid: [...kept.gid, ...added.gid] },
    texts,
    removed,
    added,
    owners: Object.fromEntries(moved.map(({ name, uid }) => [ownerText(name), uid])),
  };
}

const ATTEMPTS = 5;

/**
 * Plans what is to be put right and, unless `dryRun`, does so; that needs the lock of set-up.
 * @throws IsoError container.running, lock.held, write.failed
 */
export async function repairRanges(root: string, options: { dryRun: boolean; journal: Journal }): Promise<Repair> {
  const { dryRun, journal } = options;
  if (process.geteuid?.() !== 0 && !dryRun) {
    throw new IsoError(
      'permission.denied',
      'cannot repair subordinate ids',
      'only root may write /etc/subuid and /etc/subgid',
    );
  }
  requireFiles(root);
  const uses = () => (root === '/' && process.geteuid?.() === 0 ? readIdUses() : []);
  for (let attempt = 1; ; attempt += 1) {
    const made = await makeRepair(root, uses);
    const todo = made.plan.items.filter(isTodo);
    if (dryRun || todo.length === 0) return made;
    // Account sources must not be asked under the lock, so what was planned holds only for the files that it was planned from.
    if (await rewriteRanges(root, made.texts, made, journal)) {
      for (const one of todo) noteDone(one);
      return made;
    }
    if (attempt === ATTEMPTS) {
      throw new IsoError('lock.held', 'cannot repair subordinate ids', 'other programs change the files all the time');
    }
  }
}
