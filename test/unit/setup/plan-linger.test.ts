/** Linger is turned on as the policy says, and what others turned on is never ours to turn off. */
import { describe, expect, it } from 'vitest';
import { lingerNote, planLinger, planLingerBack } from '../../../src/setup/plan-linger.js';
import { parseUserState, type UserState } from '../../../src/setup/state.js';

const facts = { name: 'alice', isOn: false, whyNot: undefined, whyNobody: undefined };
const state: UserState = { schema: 1, uid: 1000, name: 'alice', files: {} };

describe('linger', () => {
  it('is turned on once when the policy says so, where systemd runs', () => {
    expect(planLinger(facts, 'always').step).toEqual({ kind: 'linger.enable', args: { name: 'alice' } });
    expect(planLinger({ ...facts, isOn: true }, 'always').state).toBe('unchanged');
    expect(planLinger({ ...facts, whyNot: 'no systemd' }, 'always').state).toBe('unavailable');
    expect(planLinger(facts, 'never').state).toBe('unchanged');
  });

  it('is left to the first container that goes on without its caller, when the policy says so', () => {
    expect(planLinger(facts, 'on-demand')).toMatchObject({
      state: 'unchanged',
      reason: expect.stringMatching(/^off /),
    });
    expect(planLinger({ ...facts, isOn: true }, 'on-demand').reason).toBe('already on');
    // What asks logind is there at the first boot, and so is logind.
    expect(planLinger({ ...facts, whyNot: 'no systemd' }, 'on-demand').state).toBe('unchanged');
    const unasked = planLinger({ ...facts, whyNobody: 'no polkit' }, 'on-demand');
    expect(unasked).toMatchObject({ state: 'unavailable', desired: 'on demand', reason: 'no polkit' });
  });

  it('that comes on demand is ours to give back, that of before is not', () => {
    const ours = { ...state, linger: true as const };
    expect(lingerNote(facts, 'on-demand', undefined)).toEqual({ linger: true });
    expect(lingerNote({ ...facts, isOn: true }, 'on-demand', ours)).toEqual({ linger: true });
    expect(lingerNote({ ...facts, isOn: true }, 'on-demand', undefined)).toEqual({});
    expect(lingerNote(facts, 'never', ours)).toEqual({});
  });

  it('is noted as ours as long as it is on by our hand', () => {
    const ours = { ...state, linger: true as const };
    expect(lingerNote(facts, 'always', state)).toEqual({ linger: true });
    expect(lingerNote({ ...facts, isOn: true }, 'always', ours)).toEqual({ linger: true });
    expect(lingerNote({ ...facts, isOn: true }, 'never', ours)).toEqual({ linger: true });
    // The user or an administrator was faster, or turned it off since.
    expect(lingerNote({ ...facts, isOn: true }, 'always', state)).toEqual({});
    expect(lingerNote(facts, 'never', ours)).toEqual({});
    expect(lingerNote({ ...facts, whyNot: 'no systemd' }, 'always', undefined)).toEqual({});
  });

  it('is read from the note as it was written', () => {
    expect(parseUserState(JSON.stringify({ ...state, linger: true }))).toEqual({ ...state, linger: true });
    expect(parseUserState(JSON.stringify({ ...state, linger: 'yes' }))).toEqual(state);
  });

  it('of ours is given back with its note: by logind, or by its mark when the account is gone', () => {
    const own = { file: '/mark', isAskable: true, stateFile: '/note', state: { ...state, linger: true as const } };
    const note = { kind: 'state.write', args: { path: '/note', state } };
    const steps = (isAskable: boolean) => planLingerBack('alice', { ...own, isAskable }).map(({ step }) => step);
    expect(steps(true)).toEqual([{ kind: 'linger.disable', args: { name: 'alice' } }, note]);
    expect(steps(false)).toEqual([{ kind: 'file.remove', args: { path: '/mark' } }, note]);
    expect(planLingerBack('alice', undefined)).toEqual([]);
  });
});
