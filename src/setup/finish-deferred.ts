/** `iso-setup deferred`: at boot, what could not be done before the system ran. */
import { IsoError } from '../lib/errors.js';
import { whyNoSystemd } from '../sys/systemd.js';
import { type CommandOptions, provisionHost, provisionUsers } from './commands.js';
import { keepDeferred, readDeferred } from './deferred.js';
import { parseDeferred } from './plan-deferred.js';
import type { Plan } from './step.js';

interface FinishOptions {
  tell: CommandOptions['tell'];
  report: (plan: Plan, ownKey?: string) => void;
}

/**
 * Does it and takes it off the record. Users who failed stay noted for the next boot, but for accounts that are gone.
 * @throws IsoError feature.missing where systemd does not run, and what kept the host's plan from being made
 */
export async function finishDeferred({ tell, report }: FinishOptions): Promise<void> {
  const deferred = parseDeferred(readDeferred('/').text);
  if (!deferred.system && deferred.users.length === 0) return;
  const why = whyNoSystemd();
  if (why !== undefined) throw new IsoError('feature.missing', 'cannot do what was left to the first boot', why);
  const options = { root: '/', dryRun: false, tell };
  report(await provisionHost(options), 'host');
  if (deferred.users.length === 0) return;
  const waiting: string[] = [];
  await provisionUsers(deferred.users, {
    ...options,
    report: (plan) => {
      if (plan.error !== undefined && plan.error.code !== 'user.unknown') waiting.push(plan.subject);
      report(plan);
    },
  });
  await keepDeferred('/', waiting);
}
