/** After a chunk of users: all that was written for them is on disk, one sync a file system. */
import { join } from 'node:path';
import { asIsoError, IsoError } from '../lib/errors.js';
import { syncFileSystem } from '../sys/sync.js';
import type { ApplyContext } from './executors.js';
import type { Job } from './job.js';
import { STATE_DIR } from './state.js';
import type { StepKind } from './step.js';

const isDone = (job: Job, test: (kind: StepKind) => boolean) =>
  job.plan.items.some(({ state, step }) => state === 'done' && step !== undefined && test(step.kind));

/** What was done for these users may be lost with the next power cut: said of each. */
function noteLoss(jobs: readonly Job[], why: string): void {
  for (const { plan } of jobs) {
    const error = new IsoError('write.failed', `cannot make sure that what was written for ${plan.subject} lasts`, why);
    plan.error ??= error.toJSON();
  }
}

async function syncHomes(jobs: readonly Job[], { homes }: ApplyContext): Promise<void> {
  const byDevice = new Map<number | undefined, Job[]>();
  for (const job of jobs) {
    if (!job.user || !isDone(job, (kind) => kind.startsWith('home.'))) continue;
    byDevice.set(job.device, [...(byDevice.get(job.device) ?? []), job]);
  }
  const sync = async (sharing: readonly Job[]) => {
    const user = sharing[0]?.user;
    if (!user) return;
    try {
      const [outcome] = await homes.act(user, [{ op: 'sync', path: '' }]);
      if (outcome?.error !== undefined) noteLoss(sharing, outcome.error);
    } catch (thrown) {
      const error = asIsoError(thrown);
      if (error.code === 'internal') throw thrown;
      noteLoss(sharing, error.why);
    }
  };
  await Promise.all([...byDevice.values()].map(sync));
}

/** Root's own notes and files about users. Single files of the host's plan were synced as they were written. */
function syncNotes(jobs: readonly Job[], { root }: ApplyContext): void {
  const folders: [string, StepKind][] = [
    [STATE_DIR, 'state.write'],
    ['etc', 'file.write'],
  ];
  for (const [folder, kind] of folders) {
    const wrote = jobs.filter((job) => isDone(job, (one) => one === kind));
    if (wrote.length === 0) continue;
    try {
      syncFileSystem(join(root, folder));
    } catch (error) {
      noteLoss(wrote, error instanceof Error ? error.message : String(error));
    }
  }
}

export async function syncJobs(jobs: readonly Job[], context: ApplyContext): Promise<void> {
  await syncHomes(jobs, context);
  if (context.command === 'user') syncNotes(jobs, context);
}
