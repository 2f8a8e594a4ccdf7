/** What was applied for many subjects is made to last: one sync a file system, then the journal notes it as done. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { asIsoError, IsoError } from '../lib/errors.js';
import type { Homes, HomeUser } from '../sys/home.js';
import { syncFileSystem } from '../sys/sync.js';
import type { ApplyContext } from './executors.js';
import type { Job } from './job.js';
import { STATE_DIR } from './state.js';
import type { Item } from './step.js';

/** Of a job that was applied, what has yet to be synced. */
export interface Unsynced {
  subject: string;
  /** Whose home was written to, and its file system. */
  user: HomeUser | undefined;
  device: number | undefined;
  /** Directories of root's, below the root directory, whose file systems were written to. */
  folders: string[];
}

/** So many users may have to be looked at again after a power cut. */
const EVERY = 1024;

/** So many users of a file system are asked to sync it, one after the other. */
const ASKED = 4;

const foldersOf = (items: readonly Item[]): string[] => {
  const wrote = (test: (step: NonNullable<Item['step']>) => boolean) =>
    items.some(({ step, state }) => state === 'done' && step !== undefined && test(step));
  return [
    ...(wrote(({ kind, args }) => kind === 'state.write' && 'uid' in args.state) ? [STATE_DIR] : []),
    ...(wrote(({ kind, args }) => kind === 'file.write' && args.isOneOfMany === true) ? ['etc'] : []),
  ];
};

export function toUnsynced({ plan, user, device }: Job): Unsynced {
  const wroteHome = plan.items.some(({ step, state }) => state === 'done' && step?.kind.startsWith('home.'));
  return { subject: plan.subject, user: wroteHome ? user : undefined, device, folders: foldersOf(plan.items) };
}

/** Why a file system could not be synced as this user, if so. */
async function whyUnsynced(homes: Homes, device: number | undefined, user: HomeUser): Promise<string | undefined> {
  try {
    const [outcome] = await homes.act(user, [{ op: 'sync', path: '' }]);
    if (outcome?.error !== undefined) return outcome.error;
    const isOther = device !== undefined && outcome?.device !== device;
    return isOther ? `another file system is mounted on ${user.home} by now` : undefined;
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    return error.why;
  }
}

/**
 * One user of each file system asks for it, as themselves. That process is the user's, who can kill it or mount something
 * over the home, so that a failure becomes one of others only when several were asked. Returns why that failed, by device.
 */
async function syncHomes({ homes, unsynced }: ApplyContext): Promise<Map<number | undefined, string>> {
  const users = new Map<number | undefined, HomeUser[]>();
  for (const { user, device } of unsynced) {
    const asked = users.get(device) ?? [];
    if (user && asked.length < ASKED) users.set(device, [...asked, user]);
  }
  const failures = new Map<number | undefined, string>();
  const sync = async ([device, asked]: readonly [number | undefined, readonly HomeUser[]]) => {
    for (const user of asked) {
      const why = await whyUnsynced(homes, device, user);
      if (why === undefined) {
        failures.delete(device);
        return;
      }
      failures.set(device, why);
    }
  };
  await Promise.all([...users].map(sync));
  return failures;
}

function syncFolders({ root, unsynced }: ApplyContext, synced: ReadonlySet<number | undefined>): void {
  for (const folder of new Set(unsynced.flatMap(({ folders }) => folders))) {
    const path = join(root, folder);
    if (!synced.has(statSync(path).dev)) syncFileSystem(path);
  }
}

/**
 * Syncs what was applied, when that is a lot or `isLast`. What could not be synced stays open in the journal.
 * @throws IsoError write.failed with `isLast`, when anything of the run may not last
 */
export async function checkpoint(context: ApplyContext, isLast: boolean): Promise<void> {
  const { unsynced, journal, command, losses } = context;
  if (unsynced.length > 0 && (isLast || unsynced.length >= EVERY)) {
    const failures = await syncHomes(context);
    const homes = new Set(unsynced.filter(({ user }) => user).map(({ device }) => device));
    try {
      syncFolders(context, new Set([...homes].filter((device) => !failures.has(device))));
      const lasting = unsynced.filter(({ user, device }) => !user || !failures.has(device));
      const subjects = lasting.map(({ subject }) => subject);
      if (subjects.length > 0) journal.done(command, subjects);
    } catch (error) {
      losses.push(error instanceof Error ? error.message : String(error));
    }
    losses.push(...failures.values());
    unsynced.length = 0;
  }
  if (!isLast || losses.length === 0) return;
  throw new IsoError('write.failed', 'cannot make sure that all that was written lasts', losses[0] ?? '', {
    hint: 'run the same command again when the disk is well: it finishes what this one began',
  });
}
