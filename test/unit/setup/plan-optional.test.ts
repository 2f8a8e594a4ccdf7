/** Parts of the baseline that only some hosts have: there where they are of use, taken away again, edits kept. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROOT_DIRECTORIES } from '../../../src/setup/desired-host.js';
import { digestOf } from '../../../src/setup/plan-files.js';
import { type OptionalFile, planOptional, planPam } from '../../../src/setup/plan-optional.js';

const rules = { kind: 'audit', path: '/etc/audit/rules.d/x.rules', content: '-w /etc/subuid\n', mode: 0o640 };
const load = { kind: 'audit.load', args: {} } as const;
const present = (content: string) => ({ content, mode: 0o640 });

function plan(one: Omit<OptionalFile, 'file'>, now?: { content: string; mode: number }, deployed: string[] = []) {
  const state = { schema: 1 as const, files: { [rules.path]: deployed } };
  const items = planOptional({ file: { ...rules, present: now }, ...one }, { state, isUnfinished: false });
  return items.map((item) => [item.state, item.step?.kind].filter((word) => word !== undefined).join(' '));
}

describe('an optional file', () => {
  it('is written and read in where it is of use, and not again', () => {
    expect(plan({ load })).toEqual(['todo file.write', 'todo audit.load']);
    expect(plan({ load }, present(rules.content))).toEqual(['unchanged']);
    expect(plan({ load, whyNotLoaded: 'this is a chroot' })).toEqual(['todo file.write', 'unavailable']);
  });

  it('is not written where nobody would read it', () => {
    expect(plan({ why: 'auditd is not installed' })).toEqual(['unavailable']);
  });

  it('is taken away when the policy does not want it, but for an edited one', () => {
    const off = { why: 'the policy', isRefused: true };
    expect(plan(off)).toEqual(['unchanged']);
    expect(plan(off, present(rules.content))).toEqual(['todo file.remove']);
    expect(plan(off, present('older'), [digestOf('older')])).toEqual(['todo file.remove']);
    expect(plan(off, present('mine'))).toEqual(['drift']);
  });
});

describe('sessions that set users up', () => {
  const facts = { path: '/etc/pam.d/common-session', whyOff: 'the policy', whyNot: undefined };
  const judge = (isOn: boolean, isWanted: boolean, whyNot?: string) => {
    const { state, step } = planPam({ ...facts, isOn, isWanted, whyNot });
    return [state, step?.kind].filter((word) => word !== undefined).join(' ');
  };

  it('are turned on and off as the policy says, by the running system', () => {
    expect(judge(false, false)).toBe('unchanged');
    expect(judge(true, true)).toBe('unchanged');
    expect(judge(false, true)).toBe('todo pam.enable');
    expect(judge(true, false)).toBe('todo pam.disable');
    expect(judge(false, true, 'this is a chroot')).toBe('unavailable');
  });
});

it('tmpfiles.d makes the directories that iso-setup makes, with their modes', () => {
  const text = readFileSync(new URL('../../../debian/iso-toolkit.tmpfiles', import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('d '));
  const wanted = ROOT_DIRECTORIES.map(({ path, mode }) => `d /${path} 0${mode.toString(8)} root root -`);
  expect(lines.sort()).toEqual(wanted.sort());
});
