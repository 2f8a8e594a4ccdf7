import { describe, expect, it } from 'vitest';
import type { SessionHost } from '../../../src/facts/session-host.js';
import { formatTree } from '../../../src/lib/format-tree.js';
import { describeSession } from '../../../src/run/describe-session.js';

const host = (over: Partial<SessionHost>): SessionHost => ({ manager: false, lingering: false, ...over });
const noSystemd = 'systemd is not running';

describe('the state of a host', () => {
  it.each<[Partial<SessionHost>, string, RegExp, RegExp]>([
    [{ manager: true, unit: 'loaded' }, 'manager-with-units', /unit iso-keeper/, /end after the last logout/],
    [{ manager: true, unit: 'loaded', lingering: true }, 'manager-with-units', /unit/, /go on: .* lingers/],
    [
      { manager: true, unit: 'not-found' },
      'manager-without-units',
      /in a scope .*not-found/,
      /end after the last logout/,
    ],
    [{ manager: true, unit: 'it was ended after 5 s' }, 'manager-without-units', /ended after 5 s/, /logout/],
    [{ killsProcesses: false }, 'systemd-without-manager', /process of the login/, /^containers go on$/],
    [{ killsProcesses: true }, 'systemd-without-manager', /process of the login/, /KillUserProcesses=yes/],
    [{}, 'systemd-without-manager', /process of the login/, /go on, unless logind/],
    [{ noSystemd }, 'no-systemd', /process of the login/, /go on: nothing here/],
  ])('%j is %s', (facts, state, launch, logout) => {
    expect(describeSession({ name: 'alice', onDemand: false }, host(facts))).toEqual({
      state,
      launch: expect.stringMatching(launch),
      logout: expect.stringMatching(logout),
    });
  });

  it('says who asks for linger', () => {
    const logout = (onDemand: boolean) =>
      describeSession({ name: 'alice', onDemand }, host({ manager: true, unit: 'loaded' })).logout;
    expect(logout(false)).toContain('enable-linger alice');
    expect(logout(true)).toContain('one that is detached asks for linger');
  });
});

describe('a tree of values', () => {
  it('is indented, and safe for a terminal', () => {
    const value = { a: 1, b: { c: 'x\u001b[2J', d: '' }, list: ['p', 'q'], none: [], maps: [{ x: 1, y: 2 }] };
    expect(formatTree(value)).toBe(
      [
        'a: 1',
        'b:',
        '  c: x\\x1b[2J',
        '  d:',
        'list:',
        '  - p',
        '  - q',
        'none: []',
        'maps:',
        '  - x: 1',
        '    y: 2',
        '',
      ].join('\n'),
    );
  });
});
