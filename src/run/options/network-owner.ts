/** `--network-owner`: whose the container's network namespace is. Whether it may be the container's, the policy says. Pure. */
import { IsoError } from '../../lib/errors.js';
import type { Policy } from '../../policy/policy.js';
import { refuse } from './refuse.js';

/** container: its root may change interfaces, addresses and rules, with the capability for it. */
export type NetworkOwner = 'session' | 'container';

export function parseNetworkOwner(text: string): NetworkOwner {
  if (text === 'session' || text === 'container') return text;
  throw refuse(`--network-owner ${text}`, 'it is neither session nor container');
}

/** @throws IsoError permission.denied */
export function decideNetworkOwner(
  asked: NetworkOwner | undefined,
  policy: Pick<Policy['run'], 'network_owner'>,
): { owner: NetworkOwner; warning?: string } {
  if (asked !== 'container') return { owner: 'session' };
  if (policy.network_owner !== 'container') {
    const why = "the policy keeps a container's network namespace out of the hands of its root";
    throw new IsoError('permission.denied', 'cannot use --network-owner container', why, {
      hint: 'ask the administrator for run.network_owner = "container" in /etc/iso/policy.toml',
    });
  }
  return { owner: 'container', warning: 'the container owns its network namespace: --network-owner container' };
}
