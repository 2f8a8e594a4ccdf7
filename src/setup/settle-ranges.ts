/** Subordinate ranges of all users of a call: who lacks them, which are free, and one write for all of them. */
import type { PasswdEntry } from '../facts/accounts.js';
import type { IdRange } from '../facts/subids.js';
import { type ErrorRecord, IsoError } from '../lib/errors.js';
import type { Homes } from '../sys/home.js';
import type { Granted } from './job.js';
import type { Journal } from './journal-file.js';
import { createAllocator, ID_KINDS, type IdKind, type UserRanges } from './plan-subids.js';
import { type Shared, type SharedOptions, withFreshRanges } from './read-shared.js';
import { type Named, type OpenedUser, openAhead, openUser, ownError, planOpened, type UserCase } from './read-user.js';
import { addRanges, readSubidFile, toSpaces } from './subid-files.js';
import { takenIds } from './taken-ids.js';

/** Rounds in which accounts are found to hold ids of new ranges. */
const MAX_ROUNDS = 64;

interface Survey {
  /** Users without ranges for whom all else is well, in order. */
  lacking: PasswdEntry[];
  refused: Map<string, ErrorRecord>;
}

const freshRanges = (ranges: UserCase['ranges']): IdRange[] => ID_KINDS.flatMap((id) => ranges[id].fresh ?? []);

interface Lacking {
  account: PasswdEntry;
  opened: OpenedUser;
}

/** Who lacks ranges, on the way to the question whether all else is well. */
async function openLacking(
  shared: Shared,
  homes: Homes,
  users: readonly Named[],
  refused: Survey['refused'],
): Promise<Lacking[]> {
  const lacking: Lacking[] = [];
  for (const { name, account } of users) {
    if (!account) continue;
    try {
      const ranges = shared.allocate(account);
      if (freshRanges(ranges).length === 0) continue;
      lacking.push({ account, opened: await openUser(shared, homes, account, ranges) });
    } catch (thrown) {
      refused.set(name, ownError(thrown));
    }
  }
  return lacking;
}

/** Of those who can be set up: whoever is refused gets no ranges. */
async function survey(shared: Shared, homes: Homes, users: readonly Named[]): Promise<Survey> {
  const lacking: PasswdEntry[] = [];
  const refused: Survey['refused'] = new Map();
  for await (const chunk of openAhead(users, (some) => openLacking(shared, homes, some, refused))) {
    for (const { account, opened } of chunk) {
      const { plan } = await planOpened(shared, opened, { delegation: [], isUnfinished: false });
      if (plan.error) refused.set(account.name, plan.error);
      else lacking.push(account);
    }
  }
  return { lacking, refused };
}

/** Ids that the new ranges would hold and that accounts hold already, asked for until there are none. */
async function findTaken(
  shared: Shared,
  lacking: readonly PasswdEntry[],
  repair: SharedOptions['repair'],
): Promise<{ taken: number[]; planned: Set<number> }> {
  const { root, allocation } = shared;
  const taken: number[] = [];
  const uids = lacking.map(({ uid }) => uid);
  const lines = repair ?? { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
  for (let round = 0; ; round += 1) {
    const realIds = { uid: [...allocation.realIds.uid, ...taken], gid: [...allocation.realIds.gid, ...taken] };
    const allocate = createAllocator(toSpaces(lines, { ...allocation, realIds }), allocation);
    const ranges = lacking.flatMap((user) => freshRanges(allocate(user)));
    const found = await takenIds(root, ranges, uids, round === 0);
    if (found.length === 0) return { taken, planned: new Set(ranges.map(({ start }) => start)) };
    if (round === MAX_ROUNDS) {
      const why = `the accounts of this host hold ids in ${round} ranges in a row`;
      const hint = 'set subids.min in /etc/iso/policy.toml beyond the ids of your directory service';
      throw new IsoError('subid.overlap', 'cannot find subordinate ids', why, { hint });
    }
    taken.push(...found);
  }
}

function requireRoot({ isRoot }: Shared, lacking: readonly PasswdEntry[], dryRun: boolean): void {
  if (isRoot || dryRun || lacking.length === 0) return;
  const names = lacking.map(({ name }) => name).join(' ');
  const why = 'only root may write /etc/subuid and /etc/subgid';
  const hint = `run \`sudo iso-setup user ${names}\``;
  throw new IsoError('permission.denied', 'cannot add subordinate ids', why, { hint });
}

export interface Settled {
  /** Read after the ranges were written. */
  shared: Shared;
  granted: Map<string, Granted>;
  refused: Map<string, ErrorRecord>;
}

/** Who is refused is so before anything of theirs is changed. @throws IsoError for what concerns all users */
export async function settleRanges(
  homes: Homes,
  first: Shared,
  users: readonly Named[],
  { dryRun, journal, repair }: { dryRun: boolean; journal: Journal; repair?: SharedOptions['repair'] },
): Promise<Settled> {
  const { lacking, refused } = await survey(first, homes, users);
  if (lacking.length === 0) return { shared: first, granted: new Map(), refused };
  requireRoot(first, lacking, dryRun);
  const { taken, planned } = await findTaken(first, lacking, dryRun ? repair : undefined);
  // What the survey asked the allocator for is asked again.
  const shared = withFreshRanges(first, taken, dryRun ? repair : undefined);
  if (dryRun) return { shared, granted: new Map(), refused };
  const { root, allocation } = shared;
  const asked = { planned, findTaken: (ranges: readonly IdRange[]) => takenIds(root, ranges, [], false) };
  const granted = await addRanges(root, lacking, root === '/' ? { ...allocation, ...asked } : allocation, journal);
  return { shared: withFreshRanges(first, taken), granted, refused };
}

/** The ranges of a user as they were before this run added to them, as far as the file read again holds what was added. */
export function asGranted(ranges: UserCase['ranges'], granted: Granted | undefined): UserCase['ranges'] {
  const before = (id: IdKind): UserRanges => {
    const { present } = ranges[id];
    const added = granted?.[id];
    const isAdded = (range: IdRange) => range.start === added?.start && range.count === added.count;
    if (!present.some(isAdded)) return ranges[id];
    return { present: present.filter((range) => !isAdded(range)), fresh: added };
  };
  return { uid: before('uid'), gid: before('gid') };
}
