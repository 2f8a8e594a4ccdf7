/** /etc/subuid and /etc/subgid: read, and rewritten together under shadow's locks with every foreign line kept. */
import { join } from 'node:path';
import { formatSubids, type IdRange, ownerText, parseSubids, rangeLine, type SubidLine } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { type FileMode, makeDirectory, readPlainFile, replaceFile } from '../sys/atomic-file.js';
import { withSubidLocks } from '../sys/shadow-lock.js';
import { commitRanges, subidFile } from './commit-ranges.js';
import type { Granted } from './job.js';
import type { Journal } from './journal-file.js';
import {
  type AllocatorFacts,
  createAllocator,
  ID_KINDS,
  type IdKind,
  type IdSpaces,
  type RetiredRange,
} from './plan-subids.js';
import {
  formatState,
  parseRangesState,
  parseRemovedState,
  RANGES_FILE,
  type RangesState,
  REMOVED_FILE,
  type RemovedLine,
  type RemovedState,
  STATE_DIR,
} from './state.js';

/** The bytes of one file as latin-1; none when it does not exist. */
export function readSubidText(root: string, id: IdKind): string {
  return readPlainFile(subidFile(root, id), 'latin1')?.text ?? '';
}

/** All lines of one file. */
export function readSubidFile(root: string, id: IdKind): SubidLine[] {
  return parseSubids(readSubidText(root, id));
}

/** What root remembers of lines: those that `--repair` took out, and those that iso-setup added. */
export interface RangeNotes {
  removed: readonly RemovedLine[];
  ours: RangesState;
}

export function readRangeNotes(root: string): RangeNotes {
  return { removed: readRemoved(root).lines, ours: readRangesState(root) };
}

const rangesIn = (texts: readonly string[]) =>
  texts.flatMap((text) => parseSubids(text).flatMap((line) => (line.kind === 'range' ? [line] : [])));

/** Lines that iso-setup added and somebody else, such as userdel(8), took out again. */
export function missingOurs({ ours }: Pick<RangeNotes, 'ours'>, lines: Lines): Record<IdKind, string[]> {
  const of = (id: IdKind) => {
    const present = new Set(lines[id].map(({ text }) => text));
    return ours[id].filter((text) => !present.has(text));
  };
  return { uid: of('uid'), gid: of('gid') };
}

/** A line that claimed the ids of so many users was a slip: retired, it would leave nothing for the others. */
const MAX_RETIRED = 16;

/** Ranges that are in no line and that files may still have ids of. */
function retiredIn(id: IdKind, lines: Lines, { notes, policy }: AllocationFacts): RetiredRange[] {
  const removed = rangesIn(notes.removed.flatMap(({ file, text }) => (file === id ? [text] : [])));
  return [
    ...removed.filter(({ count }) => count <= policy.count * MAX_RETIRED).map(({ start, count }) => ({ start, count })),
    ...rangesIn(missingOurs(notes, lines)[id]).map(({ start, count, owner }) => ({
      start,
      count,
      owner,
      uid: notes.ours.owners[owner],
    })),
  ];
}

/** Root's notes; whoever is not root plans without them. */
function readRemoved(root: string) {
  return parseRemovedState(process.geteuid?.() === 0 ? readPlainFile(join(root, REMOVED_FILE))?.text : undefined);
}

export function readRangesState(root: string): RangesState {
  return parseRangesState(process.geteuid?.() === 0 ? readPlainFile(join(root, RANGES_FILE))?.text : undefined);
}

/** State is root's alone. */
export function makeStateDirectory(root: string): void {
  makeDirectory(join(root, STATE_DIR), 0o700);
}

type Lines = Record<IdKind, readonly SubidLine[]>;

const STATE_MODE: FileMode = { mode: 0o600, uid: 0, gid: 0 };
/** Replaces what changed. @throws IsoError write.failed */
function writeFiles(root: string, before: Lines, after: Lines, journal: Journal): void {
  const changed = ID_KINDS.filter((id) => after[id] !== before[id]);
  commitRanges(
    root,
    changed.map((id) => ({ id, after: formatSubids(after[id]) })),
    journal,
  );
}

export interface RangeRequest {
  name: string;
  uid: number;
}

/** What allocation needs to know beside the files. */
export interface AllocationFacts extends AllocatorFacts {
  realIds: Record<IdKind, readonly number[]>;
  notes: RangeNotes;
  /** Starts of ranges of which account sources were asked before the locks were taken; undefined where there are none to ask. */
  planned?: ReadonlySet<number>;
  findTaken?: (ranges: readonly IdRange[]) => Promise<number[]>;
}

/** The two files and the real ids as the allocator takes them. */
export function toSpaces(lines: Lines, facts: AllocationFacts): IdSpaces {
  const of = (id: IdKind) => ({
    file: `/etc/sub${id}`,
    lines: lines[id],
    realIds: facts.realIds[id],
    retired: retiredIn(id, lines, facts),
  });
  return { uid: of('uid'), gid: of('gid') };
}

/** Runs `work` with the right to replace both files, and notes in the journal that what it began is whole. */
async function withRanges<T>(root: string, journal: Journal, work: () => T | Promise<T>): Promise<T> {
  // Before the locks too, whatever is changed then: what a run that was killed left of them is cleared by the next one.
  journal.intend([{ kind: 'ranges', files: {} }]);
  let hasLocks = false;
  try {
    const result = await withSubidLocks(join(root, 'etc'), async () => {
      hasLocks = true;
      return work();
    });
    journal.done('ranges', []);
    return result;
  } catch (error) {
    if (!hasLocks) journal.done('ranges', []);
    throw error;
  }
}

function noteOurs(root: string, ours: Omit<RangesState, 'schema'>): void {
  replaceFile(join(root, RANGES_FILE), formatState({ schema: 1, ...ours }), STATE_MODE);
}

interface Additions {
  added: Record<IdKind, SubidLine[]>;
  granted: Map<string, Granted>;
}

function allocateAll(lines: Lines, users: readonly RangeRequest[], facts: AllocationFacts): Additions {
  const allocate = createAllocator(toSpaces(lines, facts), facts);
  const added = { uid: [] as SubidLine[], gid: [] as SubidLine[] };
  const granted = new Map<string, Granted>();
  for (const user of users) {
    const ranges = allocate(user);
    const given: Granted = {};
    for (const id of ID_KINDS) {
      const { fresh } = ranges[id];
      if (!fresh) continue;
      added[id].push(rangeLine(user.name, fresh));
      given[id] = fresh;
    }
    granted.set(user.name, given);
  }
  return { added, granted };
}

/** Rounds in which directories are asked for ranges that were not planned, with the locks held. */
const MAX_ROUNDS = 8;

/** Ranges for all users; where another program took what was planned, those that take its place are asked for as well. */
async function allocateChecked(
  lines: Lines,
  users: readonly RangeRequest[],
  facts: AllocationFacts,
): Promise<Additions> {
  const { planned, findTaken } = facts;
  let now = facts;
  for (let round = 0; ; round += 1) {
    const all = allocateAll(lines, users, now);
    const unplanned = [...all.granted.values()].flatMap((given) =>
      ID_KINDS.flatMap((id) => (given[id] && !planned?.has(given[id].start) ? [given[id]] : [])),
    );
    const taken = planned && findTaken && unplanned.length > 0 ? await findTaken(unplanned) : [];
    if (taken.length === 0) return all;
    if (round === MAX_ROUNDS) {
      throw new IsoError('lock.held', 'cannot find subordinate ids', 'other programs take ranges all the time');
    }
    const realIds = { uid: [...now.realIds.uid, ...taken], gid: [...now.realIds.gid, ...taken] };
    now = { ...now, realIds };
  }
}

/**
 * Gives each user what is missing, from the files as they are under the lock. One lock and one write for all of them.
 * Returns the new ranges of each user.
 * @throws IsoError lock.held, write.failed, subid.corrupt, subid.overlap, subid.exhausted
 */
export function addRanges(
  root: string,
  users: readonly RangeRequest[],
  facts: AllocationFacts,
  journal: Journal,
): Promise<Map<string, Granted>> {
  return withRanges(root, journal, async () => {
    const before = { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
    const { added, granted } = await allocateChecked(before, users, facts);
    // What is ours is noted first: a run killed in between leaves a note of a line that is not there, which harms nobody.
    const ours = readRangesState(root);
    const texts = (id: IdKind) => [...new Set([...ours[id], ...added[id].map((line) => line.text)])];
    const owners = { ...ours.owners, ...Object.fromEntries(users.map(({ name, uid }) => [ownerText(name), uid])) };
    makeStateDirectory(root);
    noteOurs(root, { uid: texts('uid'), gid: texts('gid'), owners });
    const after = (id: IdKind) => (added[id].length === 0 ? before[id] : [...before[id], ...added[id]]);
    writeFiles(root, before, { uid: after('uid'), gid: after('gid') }, journal);
    return granted;
  });
}

/**
 * Puts the given lines into both files if these still are as `texts` says; false when another program was faster. What is
 * taken out is noted before. One lock and one write. @throws IsoError lock.held, write.failed
 */
export function rewriteRanges(
  root: string,
  texts: Record<IdKind, string>,
  change: {
    lines: Lines;
    removed: readonly RemovedLine[];
    added: Record<IdKind, readonly SubidLine[]>;
    owners: RangesState['owners'];
  },
  journal: Journal,
): Promise<boolean> {
  return withRanges(root, journal, () => {
    if (ID_KINDS.some((id) => readSubidText(root, id) !== texts[id])) return false;
    const { lines, removed, added } = change;
    makeStateDirectory(root);
    const before = readRemoved(root);
    const noted: RemovedState = { schema: 1, lines: [...before.lines, ...removed] };
    if (removed.length > 0) replaceFile(join(root, REMOVED_FILE), formatState(noted), STATE_MODE);
    const ours = readRangesState(root);
    const note = (id: IdKind) => [...ours[id], ...added[id].map(({ text }) => text)];
    noteOurs(root, { uid: note('uid'), gid: note('gid'), owners: { ...ours.owners, ...change.owners } });
    const unchanged = { uid: [], gid: [] };
    const after = (id: IdKind) => (formatSubids(lines[id]) === texts[id] ? unchanged[id] : lines[id]);
    writeFiles(root, unchanged, { uid: after('uid'), gid: after('gid') }, journal);
    return true;
  });
}

/**
 * Takes back exactly the lines of a user that iso-setup added; all others stay. Unless they are released, the ids stay
 * this user's: files that are kept may have them. Returns the removed lines.
 * @throws IsoError lock.held, write.failed
 */
export function removeRanges(root: string, name: string, release: boolean, journal: Journal): Promise<string[]> {
  return withRanges(root, journal, () => {
    const ours = readRangesState(root);
    const removed: string[] = [];
    const before = { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
    const isTaken = (id: IdKind, text: string) => text.startsWith(`${ownerText(name)}:`) && ours[id].includes(text);
    const keep = (id: IdKind) => {
      const kept = before[id].filter((line) => !isTaken(id, line.text));
      removed.push(...before[id].filter((line) => isTaken(id, line.text)).map((line) => `/etc/sub${id} ${line.text}`));
      return kept.length === before[id].length ? before[id] : kept;
    };
    writeFiles(root, before, { uid: keep('uid'), gid: keep('gid') }, journal);
    if (!release) return removed;
    const rest = (id: IdKind) => ours[id].filter((text) => !text.startsWith(`${ownerText(name)}:`));
    const { [ownerText(name)]: _, ...owners } = ours.owners;
    if (ours.uid.length > 0 || ours.gid.length > 0) noteOurs(root, { uid: rest('uid'), gid: rest('gid'), owners });
    return removed;
  });
}
