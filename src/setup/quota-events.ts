/** What the audit trail gets to know of quotas. */
import { formatSize } from '../lib/units.js';
import type { ProjectQuota } from '../sys/quota.js';
import { type NewEvent, recordEvent } from '../trail/record-event.js';
import { type Crossing, percentUsed, severityOf } from './plan-sample.js';
import type { Plan } from './step.js';

/** One event when a threshold is passed, upward or downward. */
export function crossingEvent(
  name: string,
  quota: ProjectQuota,
  { level, direction }: Crossing,
  thresholds: readonly number[],
): NewEvent {
  const percent = percentUsed(quota);
  const { usedBytes, softBytes, hardBytes, usedInodes, softInodes } = quota;
  const figures = `${formatSize(usedBytes)} of ${formatSize(softBytes)} and ${usedInodes} of ${softInodes} files`;
  return {
    category: 'resource',
    action: direction === 'up' ? 'quota.threshold' : 'quota.recover',
    outcome: direction === 'up' ? 'failure' : 'success',
    severity: direction === 'up' ? severityOf(level, thresholds) : 'info',
    message: `container quota of ${name} is at ${percent} %: ${figures}`,
    subject: name,
    details: { level, percent, usedBytes, softBytes, hardBytes, usedInodes, softInodes },
  };
}

/** A change, or files that were found outside of their project, which only their owner can have put there. */
export function recordQuotaPlan(plan: Plan): boolean {
  const { subject, items } = plan;
  const stray = items.find(({ phase, kind, state }) => phase === 'verify' && kind === 'quota' && state !== 'unchanged');
  const done = items.filter(({ state }) => state === 'done');
  const stored: boolean[] = [];
  if (stray) {
    stored.push(
      recordEvent({
        category: 'security',
        action: 'quota.bypass',
        outcome: stray.state === 'done' ? 'success' : 'failure',
        severity: 'warning',
        message: `container quota of ${subject}: ${stray.current}`,
        subject,
        details: { reason: stray.reason, repaired: stray.state === 'done' },
      }),
    );
  }
  const changes = done.filter((item) => item !== stray);
  if (changes.length > 0) {
    stored.push(
      recordEvent({
        category: 'resource',
        action: 'quota.change',
        outcome: plan.error ? 'failure' : 'success',
        severity: 'notice',
        message: `container quota of ${subject} changed: ${changes.map((i) => `${i.current} -> ${i.desired}`).join('; ')}`,
        subject,
        ...(plan.error ? { error: plan.error } : {}),
      }),
    );
  }
  return stored.every(Boolean);
}
