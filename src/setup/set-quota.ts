/** `iso-setup quota`: plans for the asked users and, unless it is a dry run, apply. */
import { asIsoError, IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { readPolicy } from '../policy/read-policy.js';
import { withHomes } from '../sys/home.js';
import { walkTree } from '../sys/tree.js';
import { applyAll } from './apply.js';
import { TREE } from './desired-user.js';
import { planQuotaChange, planQuotaCheck, type QuotaChange, type QuotaTarget } from './plan-set-quota.js';
import { type QuotaUser, readQuotaUsers } from './quota-targets.js';
import { type Item, item, type Plan } from './step.js';
import { type Recovery, withTransaction } from './transaction.js';

const ROOT = '/';

export type QuotaTask = { kind: 'set'; change: QuotaChange; force: boolean } | { kind: 'check' | 'repair' };

function look({ uid, project, home, uids }: QuotaTarget) {
  return walkTree({ mode: 'check', uid, project, home, tree: TREE, ranges: uids });
}

function planFor(target: QuotaTarget, policy: Policy['quota'], task: QuotaTask): Item[] {
  if (task.kind === 'set') return planQuotaChange(target, policy, task.change, task.force);
  return planQuotaCheck(target, policy, look(target), task.kind === 'repair');
}

/** Where nothing can be limited a change is an error, and a look is told why. @throws IsoError feature.missing */
function planWithout({ name }: QuotaUser, why: string, task: QuotaTask): Item[] {
  if (task.kind === 'set') {
    throw new IsoError('feature.missing', `cannot set the quota of ${name}`, why, {
      hint: `run \`iso-setup user ${name}\`, which says what this host lacks`,
    });
  }
  const text = { kind: 'quota', subject: `~/${TREE}`, current: 'no limit', desired: 'limited' };
  return [item.unavailable('create', text, why)];
}

function planOne(user: QuotaUser, policy: Policy['quota'], task: QuotaTask): Plan {
  const plan: Plan = { subject: user.name, uid: user.uid, items: [] };
  try {
    plan.items = user.target ? planFor(user.target, policy, task) : planWithout(user, user.why, task);
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    plan.error = error.toJSON();
  }
  return plan;
}

async function planAll(names: readonly string[], task: QuotaTask): Promise<Plan[]> {
  const policy = await readPolicy();
  return (await readQuotaUsers(names)).map((user) => planOne(user, policy.quota, task));
}

/**
 * Changes, checks or repairs the quota of users; all provisioned ones without names. Errors of single users are on their
 * plans. A change that was killed is finished as the set-up of its user, which sets the limits that are declared.
 * @throws IsoError permission.denied, user.unknown, policy.invalid, lock.held
 */
export async function workOnQuotas(
  names: readonly string[],
  task: QuotaTask,
  { dryRun, tell }: { dryRun: boolean; tell: (found: Recovery) => void },
): Promise<Plan[]> {
  if (dryRun || task.kind === 'check') return planAll(names, task);
  return withTransaction(ROOT, tell, (journal) =>
    withHomes(async (homes) => {
      const plans = await planAll(names, task);
      const jobs = plans.map((plan) => ({ plan, user: undefined }));
      await applyAll(jobs, { root: ROOT, homes, journal, command: 'user' });
      return plans;
    }),
  );
}
