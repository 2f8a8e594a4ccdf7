/** What the audit trail gets to know of set-up: what was changed for whom, and what was refused. */
import type { ErrorCode } from '../lib/errors.js';
import { recordEvent } from '../trail/record-event.js';
import { countStates, type PlanAction } from './format-plans.js';
import type { Plan } from './step.js';

const REFUSALS: readonly ErrorCode[] = ['user.refused', 'home.unsafe', 'permission.denied', 'container.running'];

const MAX_LINES = 24;

/** Which lines of the files of ranges became what, the first of many. */
function repairedIn({ items }: Plan): [string, string][] {
  const done = items.filter(({ step, state }) => step?.kind === 'subids.repair' && state === 'done');
  return done.slice(0, MAX_LINES).map(({ subject, current, desired }) => [subject, `${current} -> ${desired}`]);
}

/** One event for a plan that changed, tried to change or refused something; a mistyped name is none. False when not stored. */
export function recordPlan(plan: Plan, action: PlanAction): boolean {
  const { done, failed, unavailable } = countStates([plan]);
  const { error, subject } = plan;
  const isRefusal = error !== undefined && REFUSALS.includes(error.code);
  if (done === 0 && failed === 0 && !isRefusal) return true;
  const lines = repairedIn(plan);
  const isRepair = lines.length > 0;
  const verb = isRepair ? 'repaired' : action === 'setup.apply' ? 'set up' : 'removed';
  return recordEvent({
    category: isRefusal ? 'permission' : error ? 'system' : 'lifecycle',
    action: isRefusal ? 'setup.refuse' : isRepair ? 'setup.repair' : action,
    outcome: error ? 'failure' : 'success',
    severity: isRefusal ? 'warning' : error ? 'error' : 'notice',
    message: error ? error.what : `${verb} ${subject}: ${done} steps`,
    subject,
    ...(error ? { error } : {}),
    details: { done, failed, unavailable, ...Object.fromEntries(lines) },
  });
}
