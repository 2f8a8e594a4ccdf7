/** The set-up of many users: ranges of all of them first, in one write, then chunk by chunk the rest, in bounded memory. */
import { type Homes, withHomes } from '../sys/home.js';
import { applyJobs } from './apply.js';
import { checkpoint } from './checkpoint.js';
import { openDeferral } from './deferred.js';
import type { ApplyContext } from './executors.js';
import type { Job } from './job.js';
import type { Journal } from './journal-file.js';
import { withManagedRanges } from './range-source.js';
import { readShared, type SharedOptions } from './read-shared.js';
import {
  type CaseNotes,
  chunksOf,
  findUsers,
  type Named,
  type OpenedUser,
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

async function planChunk(settled: Settled, homes: Homes, users: readonly Named[], notes: CaseNotes): Promise<Job[]> {
  const opened: OpenedUser[] = [];
  for (const user of users) opened.push(await openNamed(settled, homes, user));
  opened.reverse();
  const jobs: Job[] = [];
  let { delegation } = notes;
  // Taken from the list, since each holds all that was read in a home.
  for (let one = opened.pop(); one; one = opened.pop()) {
    const job = await planOpened(settled.shared, one, { ...notes, delegation });
    jobs.push({ ...job, granted: settled.granted.get(job.plan.subject) });
    // What concerns the whole host is done with the first user.
    if (!job.plan.error) delegation = [];
  }
  return jobs;
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
    let { delegation } = settled.shared;
    const context: ApplyContext = { root, homes, journal, command: 'user', unsynced: [], losses: [] };
    const defer = dryRun ? undefined : openDeferral(root);
    for (const chunk of chunksOf(users)) {
      const jobs = await planChunk(settled, homes, chunk, { delegation, isUnfinished });
      if (jobs.some(({ plan }) => !plan.error)) delegation = [];
      if (defer) {
        defer(jobs.flatMap(({ plan }) => (plan.error ? [] : [plan.subject])));
        await applyJobs(jobs, context);
      }
      for (const { plan } of jobs) report(plan);
    }
    await checkpoint(context, true);
  });
}
