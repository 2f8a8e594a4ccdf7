/** The removal of one user: facts, plan, apply. */
import { type Homes, withHomes } from '../sys/home.js';
import { applyAll } from './apply.js';
import { isAccount } from './deleted-account.js';
import type { Job } from './job.js';
import type { Journal } from './journal-file.js';
import { planRemoval, planStay } from './plan-remove.js';
import { type RemoveOptions, readRemoval } from './read-removal.js';
import type { Plan } from './step.js';

async function planJob(homes: Homes, name: string, options: RemoveOptions): Promise<Job> {
  if (options.deleted && (await isAccount(options.root, name))) {
    return { plan: { subject: name, items: [planStay(name)] }, user: undefined };
  }
  const { facts, user, uid } = await readRemoval(homes, name, options);
  return { plan: { subject: name, ...(uid === undefined ? {} : { uid }), items: planRemoval(facts) }, user };
}

/** What would be taken back. @throws IsoError */
export function planTakeBack(name: string, options: RemoveOptions): Promise<Plan> {
  return withHomes(async (homes) => (await planJob(homes, name, options)).plan);
}

/** Plans the removal of one user and applies it. Needs the lock of set-up. @throws IsoError */
export function takeBack(name: string, options: RemoveOptions & { journal: Journal }): Promise<Plan> {
  const { root, purge, deleted, journal } = options;
  return withHomes(async (homes) => {
    const job = await planJob(homes, name, { ...options, endsIdle: true });
    await applyAll([job], { root, homes, journal, command: 'remove', purge, deleted });
    return job.plan;
  });
}
