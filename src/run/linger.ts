/** Containers that go on without their caller live below the user's manager, which ends with the last login unless it lingers. */
import { endsAtLogout } from '../facts/linger.js';
import { asIsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { enableLinger } from '../sys/systemd.js';
import { recordEvent } from '../trail/record-event.js';

interface LingerUser {
  name: string;
  uid: number;
}

/** Why logind did not turn it on, or undefined when there is nothing to tell. */
async function whyRefused(name: string): Promise<string | undefined> {
  const event = { category: 'lifecycle', action: 'linger.enable' } as const;
  try {
    await enableLinger(name);
    const message = 'turned on linger for a container that goes on without its caller';
    recordEvent({ ...event, outcome: 'success', severity: 'notice', message });
    return undefined;
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    const message = 'could not turn on linger for a container that goes on without its caller';
    recordEvent({ ...event, outcome: 'failure', severity: 'warning', message, error: error.toJSON() });
    return error.why;
  }
}

/** Asks for what `linger = "on-demand"` promises, where it is not there. Returns why it was refused, if so. */
export async function requestLinger(user: LingerUser, policy: Policy['linger']): Promise<string | undefined> {
  return policy === 'on-demand' && endsAtLogout(user) ? whyRefused(user.name) : undefined;
}

/** What the caller has to know; `isOff`: the container would end with the last login. Pure. */
export function lingerWarning(
  name: string,
  { isOff, refused }: { isOff: boolean; refused: string | undefined },
  policy: Policy['linger'],
): string | undefined {
  if (!isOff) return undefined;
  const ends = `it ends with the last login of ${name}, since linger is off`;
  const remedy = `\`loginctl enable-linger ${name}\``;
  if (refused !== undefined)
    return `${ends} and logind refused it (${refused}): ask the administrator to run ${remedy}`;
  return policy === 'on-demand' ? undefined : `${ends}: ${remedy} lets it go on`;
}
