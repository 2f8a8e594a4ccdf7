/** `iso-setup user --repair`: faulty lines of /etc/subuid and /etc/subgid, read, planned, and put right in one write. */
import { join } from 'node:path';
import { type AccountFiles, listIds, lookUpEntries, type PasswdEntry, readAccountFiles } from '../facts/accounts.js';
import { type IdUse, readIdUses } from '../facts/id-use.js';
import { findRangeFaults } from '../facts/range-faults.js';
import { ownerText, parseSubids, rangeLine, type SubidLine, shownText } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { readPolicy } from '../policy/read-policy.js';
import { isTodo, noteDone } from './job.js';
import type { Journal } from './journal-file.js';
import { movedOwners, type Owner, planRepair, type RepairFacts, repairedLines, requireUnused } from './plan-repair.js';
import { createAllocator, ID_KINDS, type IdKind, spellings } from './plan-subids.js';
import { requireFiles } from './range-source.js';
import { requireOrdinary } from './refuse-account.js';
import type { RemovedLine } from './state.js';
import type { Plan } from './step.js';
import { type AllocationFacts, readRetired, readSubidText, rewriteRanges, toSpaces } from './subid-files.js';
import { takenIds } from './taken-ids.js';

type Lines = Record<IdKind, readonly SubidLine[]>;
type Texts = Record<IdKind, string>;

export interface Repair {
  plan: Plan;
  /** The files as they are after it. */
  lines: Lines;
}

/** The accounts behind all owners in the files, from every source of the host. */
async function readOwners(files: AccountFiles, lines: Lines): Promise<PasswdEntry[]> {
  if (files.root !== '/') return files.users;
  const owners = new Set(
    ID_KINDS.flatMap((id) => lines[id].flatMap((line) => (line.kind === 'range' ? [line.owner] : []))),
  );
  const unknown = [...owners]
    .map(shownText)
    .filter((name) => !files.byName.has(name) && !files.byUid.has(Number(name)));
  return [...files.users, ...(await lookUpEntries(unknown))];
}

function isOrdinary(account: PasswdEntry, uidMin: number): boolean {
  try {
    requireOrdinary(account, uidMin);
    return true;
  } catch (error) {
    if (error instanceof IsoError) return false;
    throw error;
  }
}

/** Everything that judging the two files needs; also what `iso-setup status` goes by. */
export async function readRepairFacts(
  root: string,
): Promise<{ facts: RepairFacts; allocation: AllocationFacts; texts: Texts }> {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const files = readAccountFiles(root);
  const texts = { uid: readSubidText(root, 'uid'), gid: readSubidText(root, 'gid') };
  const lines = { uid: parseSubids(texts.uid), gid: parseSubids(texts.gid) };
  const accounts = await readOwners(files, lines);
  const names = spellings(accounts);
  const listed = root === '/' ? await listIds() : [];
  const realIds = {
    uid: [...accounts.map(({ uid }) => uid), ...listed],
    gid: [...files.groups.map(({ gid }) => gid), ...accounts.map(({ gid }) => gid), ...listed],
  };
  const ownerOf = (owner: string) => names.get(owner) ?? owner;
  const faultsOf = (id: IdKind) => {
    const isComplete = texts[id] === '' || texts[id].endsWith('\n');
    return findRangeFaults({ lines: lines[id], realIds: realIds[id], isComplete }, ownerOf);
  };
  const owners = new Map<string, Owner>();
  for (const account of accounts) {
    const name = ownerOf(ownerText(account.name));
    if (isOrdinary(account, files.uidMin) && !owners.has(name)) owners.set(name, account);
  }
  const { subids } = policy;
  return {
    texts,
    facts: {
      lines,
      faults: { uid: faultsOf('uid'), gid: faultsOf('gid') },
      owners,
      ownerOf,
      realIds,
      count: subids.count,
    },
    allocation: {
      policy: subids,
      realIds,
      names,
      loginDefs: files.loginDefs,
      growsShort: true,
      retired: readRetired(root),
    },
  };
}

interface Made extends Repair {
  texts: Texts;
  removed: RemovedLine[];
  added: Record<IdKind, SubidLine[]>;
}

/** Ids of lines that are taken out stay nobody's: files of the former owner may have them. */
function retiredBy(facts: RepairFacts): Record<IdKind, { start: number; count: number }[]> {
  const of = (id: IdKind) =>
    facts.faults[id].flatMap(({ text, replacement }) =>
      replacement === undefined ? parseSubids(text).flatMap((line) => (line.kind === 'range' ? [line] : [])) : [],
    );
  return { uid: of('uid'), gid: of('gid') };
}

async function makeRepair(root: string, uses: () => readonly IdUse[]): Promise<Made> {
  const { facts, allocation, texts } = await readRepairFacts(root);
  requireUnused(facts, uses());
  const kept = repairedLines(facts);
  const moved = movedOwners(facts);
  const retired = retiredBy(facts);
  const both = (id: IdKind) => [...(allocation.retired?.[id] ?? []), ...retired[id]];
  const allocate = (taken: readonly number[]) => {
    const realIds = { uid: [...allocation.realIds.uid, ...taken], gid: [...allocation.realIds.gid, ...taken] };
    const all = { ...allocation, realIds, retired: { uid: both('uid'), gid: both('gid') } };
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
  const time = new Date().toISOString();
  const removed = ID_KINDS.flatMap((file) =>
    facts.faults[file].flatMap(({ replacement, text, why }) =>
      replacement === undefined ? [{ file, text, why, time }] : [],
    ),
  );
  return {
    plan: { subject: 'subordinate ids', items: planRepair(facts.faults, given) },
    lines: { uid: [...kept.uid, ...added.uid], gid: [...kept.gid, ...added.gid] },
    texts,
    removed,
    added,
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
