/** What is left to the first boot: noted once where a system does not run, taken away where it does. */
import { describe, expect, it } from 'vitest';
import { formatDeferred, parseDeferred, planDeferral, recordStep } from '../../../src/setup/plan-deferred.js';
import { type Item, item } from '../../../src/setup/step.js';

const text = { kind: 'setting', subject: 'kernel.dmesg_restrict', current: '0', desired: '1' };
const unavailable = [item.unavailable('create', text, 'this is a chroot')];
const path = '/var/lib/iso/deferred';
const stopped = { systemd: 'systemd is not running' };
const running = { systemd: undefined };
const NOTE = 'system: not done before the first boot\n';

const plan = (items: Item[], features: typeof stopped | typeof running, present?: string) =>
  planDeferral(items, { deferred: { path, text: present }, features }).map(({ state, step }) => ({ state, step }));

describe('the record of what was left to a boot', () => {
  it('is written where the system does not run and something could not be done', () => {
    expect(plan(unavailable, stopped)).toEqual([
      { state: 'todo', step: { kind: 'file.write', args: { path, mode: 0o600, content: NOTE } } },
    ]);
    expect(plan([], stopped)).toEqual([]);
    expect(plan(unavailable, running)).toEqual([]);
  });

  it('is left as it is by a second run, and kept when that run has less to defer', () => {
    expect(plan(unavailable, stopped, NOTE)).toEqual([{ state: 'unchanged', step: undefined }]);
    expect(plan([], stopped, NOTE)).toEqual([{ state: 'unchanged', step: undefined }]);
  });

  it('goes where the system runs, but for users who wait', () => {
    expect(plan(unavailable, running, NOTE)).toEqual([
      { state: 'todo', step: { kind: 'file.remove', args: { path } } },
    ]);
    const content = 'user alice: not done before the first boot\n';
    expect(plan([], running, `${NOTE}${content}`)).toEqual([
      { state: 'todo', step: { kind: 'file.write', args: { path, mode: 0o600, content } } },
    ]);
    expect(plan([], running, content)).toEqual([{ state: 'unchanged', step: undefined }]);
  });

  it('is read whatever wrote it: maintainer scripts give reasons of their own', () => {
    const deferred = parseDeferred('system: no space\nuser alice: x\nuser bob\nuser alice: y\n');
    expect(deferred).toEqual({ system: true, users: ['alice', 'bob'] });
    expect(parseDeferred(formatDeferred(deferred))).toEqual(deferred);
    expect(parseDeferred(undefined)).toEqual({ system: false, users: [] });
  });

  it('is not written again for users who are noted', () => {
    const present = { path, text: formatDeferred({ system: true, users: ['alice'] }) };
    expect(recordStep(present, { system: true, users: ['alice'] })).toBeUndefined();
    expect(recordStep(present, { system: false, users: [] })).toEqual({ kind: 'file.remove', args: { path } });
  });
});
