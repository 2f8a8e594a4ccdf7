/** The set-up of many users: ranges of all of them first, in one write, then chunk by chunk the rest, in bounded memory. */
import { type Homes, withHomes } from '../sys/home.js';
import { applyJobs } from './apply.js';
import { checkpoint } from './checkpoint.js';
import { openDeferral } from './deferred.js';
import type { ApplyContext } from './executors.js';
import { isTodo, type Job } from './job.js';
import type { Journal } from './journal-file.js';
import { withManagedRanges } from './range-source.js';
import { readShared, type SharedOptions } from './read-shared.js';
import {
  type CaseNotes,
  findUsers,
  type Named,
  type OpenedUser,
  openAhead,
  openUser,
  ownError,
  planOpened,
} from './read-user.js';
import { asGranted, type Settled, settleRanges } from './settle-ranges.js';
import type { Plan } from './step.js';

export interface UserRunOptions extends SharedOptions {
  dryRun: boolean;
  journal: Journal;
}

async function openNamed({ shared, granted, refused }: Settled, homes: Homes, user: Named): Promise<OpenedUser> {
  const { name } = user;
  if (user.error) return user;
  const error = refused.get(name);
  if (error) return { name, error };
  const { account } = user;
  try {
    return await openUser(shared, homes, account, asGranted(shared.allocate(account), granted.get(account.name)));
  } catch (thrown) {
    return { name, error: ownError(thrown) };
  }
}

async function openChunk(settled: Settled, homes: Homes, users: readonly Named[]): Promise<OpenedUser[]> {
  const opened: OpenedUser[] = [];
  for (const user of users) opened.push(await openNamed(settled, homes, user));
  return opened;
}

/** Hands on each job as it is planned. */
async function planChunk(
  settled: Settled,
  opened: OpenedUser[],
  notes: CaseNotes,
  take: (job: Job) => void,
): Promise<void> {
  opened.reverse();
  // Taken from the list, since each holds all that was read in a home.
  for (let one = opened.pop(); one; one = opened.pop()) {
    const job = await planOpened(settled.shared, one, notes);
    // What concerns the whole host is done with the first user.
    if (!job.plan.error) notes.delegation = [];
    take({ ...job, granted: settled.granted.get(job.plan.subject) });
  }
}

/** So many users are applied together: each time the journal is synced. */
const TOGETHER = 128;

/**
 * Takes jobs in the order of users and applies them, many together. Where nothing is to be done, the plan is told of at
 * once, unless others wait, and held no longer.
 */
function createQueue(context: ApplyContext, dryRun: boolean, report: (plan: Plan) => void) {
  const defer = dryRun ? undefined : openDeferral(context.root);
  const waiting: Job[] = [];
  let planned: string[] = [];
  const flush = async (): Promise<void> => {
    if (defer) {
      defer(planned);
      planned = [];
      await applyJobs(waiting, context);
    }
    for (const { plan } of waiting) report(plan);
    waiting.length = 0;
  };
  return {
    take: (job: Job): void => {
      if (!job.plan.error) planned.push(job.plan.subject);
      if (waiting.length > 0 || job.plan.items.some(isTodo)) waiting.push(job);
      else report(job.plan);
    },
    flushMany: async () => {
      if (waiting.length >= TOGETHER) await flush();
    },
    flush,
  };
}

/**
 * Plans the given users in order and, unless `dryRun`, applies; each plan is handed to `report` when it is finished.
 * Errors of single users are on their plans. @throws IsoError for what concerns all of them
 */
export async function setUpUsers(
  names: readonly string[],
  options: UserRunOptions,
  report: (plan: Plan) => void,
): Promise<void> {
  const { root, dryRun, journal, isUnfinished } = options;
  await withHomes(async (homes) => {
    const shared = await readShared(options);
    const users = await findUsers(shared, names);
    const first = await withManagedRanges(shared, users);
    const settled = await settleRanges(homes, first, users, options);
    const notes: CaseNotes = { delegation: settled.shared.delegation, isUnfinished };
    const context: ApplyContext = { root, homes, journal, command: 'user', unsynced: [], losses: [] };
    const queue = createQueue(context, dryRun, report);
    for await (const opened of openAhead(users, (chunk) => openChunk(settled, homes, chunk))) {
      await planChunk(settled, opened, notes, queue.take);
      await queue.flushMany();
    }
    await queue.flush();
    await checkpoint(context, true);
  });
}
