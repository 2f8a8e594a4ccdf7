/** systemd's linger (loginctl(1)): the user's manager without a login. Only what iso-setup turned on is its to turn off. Pure. */
import type { Policy } from '../policy/policy.js';
import type { UserState } from './state.js';
import { type Item, item } from './step.js';

export interface LingerFacts {
  name: string;
  isOn: boolean;
  /** Why systemd cannot be asked here. */
  whyNot: string | undefined;
  /** Why no user can ask for linger of their own. */
  whyNobody: string | undefined;
}

/** `iso-run` asks for it, as the user. */
function planOnDemand({ name, isOn, whyNobody }: LingerFacts): Item {
  const current = isOn ? 'on' : 'off';
  const text = { kind: 'linger', subject: name, current, desired: current };
  if (isOn) return item.unchanged('create', text, 'already on');
  if (whyNobody !== undefined) return item.unavailable('create', { ...text, desired: 'on demand' }, whyNobody);
  return item.unchanged('create', text, 'off until a container that goes on without its caller asks for it');
}

export function planLinger(facts: LingerFacts, policy: Policy['linger']): Item {
  if (policy === 'on-demand') return planOnDemand(facts);
  const { name, isOn, whyNot } = facts;
  const text = { kind: 'linger', subject: name, current: isOn ? 'on' : 'off', desired: 'on' };
  if (policy === 'never')
    return item.unchanged('create', { ...text, desired: text.current }, 'the policy says linger = "never"');
  if (whyNot !== undefined) return item.unavailable('create', text, whyNot);
  if (isOn) return item.unchanged('create', text, 'already on');
  return item.todo('create', text, { kind: 'linger.enable', args: { name } });
}

/** What is to be remembered: that it is on by our hand, as long as it is; or on demand, that it will be by our word. */
export function lingerNote(
  facts: LingerFacts,
  policy: Policy['linger'],
  state: UserState | undefined,
): Pick<UserState, 'linger'> {
  const isNews = policy === 'on-demand' ? !facts.isOn : planLinger(facts, policy).step !== undefined;
  const isOurs = isNews || (facts.isOn && state?.linger === true);
  return isOurs ? { linger: true } : {};
}

/** Linger that iso-setup had turned on, or had let the user turn on, of a user who is removed. */
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
