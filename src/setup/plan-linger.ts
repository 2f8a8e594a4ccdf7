/** systemd's linger (loginctl(1)): the user's manager without a login. Only what iso-setup turned on is its to turn off. Pure. */
import type { Policy } from '../policy/policy.js';
import type { UserState } from './state.js';
import { type Item, item } from './step.js';

export interface LingerFacts {
  name: string;
  isOn: boolean;
  /** Why systemd cannot be asked here. */
  whyNot: string | undefined;
}

export function planLinger({ name, isOn, whyNot }: LingerFacts, policy: Policy['linger']): Item {
  const text = { kind: 'linger', subject: name, current: isOn ? 'on' : 'off', desired: 'on' };
  if (policy === 'never')
    return item.unchanged('create', { ...text, desired: text.current }, 'the policy says linger = "never"');
  if (whyNot !== undefined) return item.unavailable('create', text, whyNot);
  if (isOn) return item.unchanged('create', text, 'already on');
  return item.todo('create', text, { kind: 'linger.enable', args: { name } });
}

/** What is to be remembered: that it is on by our hand, as long as it is. */
export function lingerNote(
  facts: LingerFacts,
  policy: Policy['linger'],
  state: UserState | undefined,
): Pick<UserState, 'linger'> {
  const isOurs = planLinger(facts, policy).step !== undefined || (facts.isOn && state?.linger === true);
  return isOurs ? { linger: true } : {};
}

/** Linger that iso-setup had turned on, of a user who is removed. */
export interface OwnLinger {
  /** systemd's mark, absolute. */
  file: string;
  /** logind can be asked, which ends the manager too; not about an account that is gone. */
  isAskable: boolean;
  stateFile: string;
  state: UserState;
}

/** The note goes with it: whoever turns it on next is not us. */
export function planLingerBack(name: string, own: OwnLinger | undefined): Item[] {
  if (!own) return [];
  const { file, isAskable, stateFile, state } = own;
  const { linger: _, ...rest } = state;
  const text = { kind: 'linger', subject: name, current: 'on', desired: 'off' };
  const off = isAskable
    ? item.todo('create', text, { kind: 'linger.disable', args: { name } })
    : item.todo('create', text, { kind: 'file.remove', args: { path: file } });
  const noted = { kind: 'state', subject: stateFile, current: 'linger', desired: 'no linger' };
  return [off, item.todo('create', noted, { kind: 'state.write', args: { path: stateFile, state: rest } })];
}
