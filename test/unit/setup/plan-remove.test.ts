/** What `iso-setup remove` says it keeps, and why. */
import { describe, expect, it } from 'vitest';
import { planRemoval, planStay, type RemoveFacts } from '../../../src/setup/plan-remove.js';

const line = 'alice:524288:65536';
const facts: RemoveFacts = {
  name: 'alice',
  root: '/',
  lines: { uid: { present: [line], ours: [line] }, gid: { present: [line], ours: [line] } },
  managed: undefined,
  home: undefined,
  owner: undefined,
  purge: false,
  isReleased: false,
  deleted: undefined,
  quota: { lines: { projid: [], projects: [] }, limited: undefined, declaredUids: [] },
  linger: undefined,
  deployed: {},
  notes: [],
};
const plan = (over: Partial<RemoveFacts>) =>
  planRemoval({ ...facts, ...over }).map(({ kind, state, reason }) => [kind, state, reason]);

describe('the data of a user who is removed', () => {
  it('stays without --purge', () => {
    expect(plan({})[0]).toEqual(['data', 'unchanged', 'data stays without --purge']);
  });

  it('of a deleted account keeps its ids from others until somebody says that it is gone', () => {
    const [data] = plan({ deleted: { homeIsGone: false } });
    expect(data?.[2]).toContain('nobody else gets its ids until `iso-setup remove alice`');
    expect(plan({ deleted: { homeIsGone: true } })[0]?.[2]).toBe('the home went with the account');
  });

  it('is not looked at when the account is still there', () => {
    expect(planStay('alice')).toMatchObject({ state: 'unchanged', subject: 'alice' });
    expect(planStay('alice').step).toBeUndefined();
  });
});

it('ids are released or not as the facts say', () => {
  for (const isReleased of [true, false]) {
    const steps = planRemoval({ ...facts, isReleased }).flatMap(({ step }) => (step ? [step] : []));
    expect(steps).toEqual(Array(2).fill(expect.objectContaining({ kind: 'subids.remove' })));
    expect(steps.every(({ args }) => 'release' in args && args.release === isReleased)).toBe(true);
  }
});
