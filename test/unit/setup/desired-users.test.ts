/** Whom a call is about: lists that anybody may have written, and the accounts that the policy means. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PasswdEntry } from '../../../src/facts/accounts.js';
import { IsoError } from '../../../src/lib/errors.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { desiredUsers, parseUserList } from '../../../src/setup/desired-users.js';

const parse = (text: string | Buffer) => parseUserList(Buffer.from(text as string), 'users.txt');

describe('parseUserList', () => {
  it('takes one name a line, each once, and knows comments and blank lines', () => {
    expect(parse('# the staff\nalice\n\n  bob  \nAD\\carol\ndave@dom.example\nalice\nweb$')).toEqual([
      'alice',
      'bob',
      'AD\\carol',
      'dave@dom.example',
      'web$',
    ]);
    expect(parse('')).toEqual([]);
    expect(parse('# nobody\n\n')).toEqual([]);
  });

  it.each([
    ['a carriage return', 'alice\r\nbob\r\n', /line 1: it ends in a carriage return/],
    ['a NUL byte', 'alice\nbo\0b\n', /line 2: it holds a NUL byte/],
    ['an overlong line', `alice\n${'b'.repeat(1025)}\n`, /line 2: it is longer than 1024 characters/],
    ['an overlong name', `${'b'.repeat(256)}\n`, /line 1: .*this is not a user name/],
    ['a line of passwd(5)', 'alice:x:1000:1000::/home/alice:/bin/sh\n', /line 1: .*this is not a user name/],
    ['two names', 'alice\nbob carol\n', /line 2: 'bob carol': this is not a user name/],
    ['an option', 'alice\n--all\n', /line 2: '--all': this is not a user name/],
    ['a number', 'alice\n1000\n', /line 2: '1000': a name of digits only/],
    ['a comment behind a name', 'alice # boss\n', /line 1/],
    ['a line that subuid(5) takes for NIS’s', '+alice\n', /line 1/],
    ['no UTF-8', Buffer.from([0x61, 0x0a, 0xff, 0x0a]), /line 2: it is not UTF-8/],
    ['megabytes', `${'alice\n'.repeat(800_000)}`, /longer than 4 MiB/],
  ])('refuses a list with %s whole, with the line', (_, text, why) => {
    expect(() => parse(text)).toThrow(why);
  });

  it('gives names only, or refuses with an error of ours, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ maxLength: 300 }).map((one) => Buffer.from(one)),
    );
    fc.assert(
      fc.property(bytes, (list) => {
        try {
          const names = parseUserList(list, 'x');
          for (const name of names) expect(name).toMatch(/^[^\s:,/\0#+!-][^\s:,/\0]{0,254}$/u);
          expect(new Set(names).size).toBe(names.length);
        } catch (error) {
          expect(error).toBeInstanceOf(IsoError);
          expect(error).toMatchObject({ code: 'list.invalid' });
        }
      }),
    );
  });
});

const account = (name: string, uid: number, over: Partial<PasswdEntry> = {}): PasswdEntry => ({
  name,
  uid,
  gid: uid,
  home: `/home/${name}`,
  shell: '/bin/bash',
  ...over,
});
const accounts = [
  account('root', 0),
  account('daemon', 1),
  account('zoe', 1000),
  account('alice', 1001, { shell: '' }),
  account('service', 1002, { shell: '/usr/sbin/nologin' }),
  account('backup-job', 1003, { shell: '/bin/false' }),
  account('toor', 1000),
  account('homeless', 1004, { home: '/' }),
  account('students-1', 1005, { gid: 500 }),
  account('homed', 60100),
  account('ldap', 200_000),
  account('nobody', 65534),
  account('12345', 1006),
];
const bounds = { uidMin: 1000, uidMax: 60000 };
const desire = (over: Partial<typeof DEFAULT_POLICY.users>, groups: Parameters<typeof desiredUsers>[1] = []) =>
  desiredUsers(accounts, groups, { ...DEFAULT_POLICY.users, ...over }, bounds);

describe('desiredUsers', () => {
  it('means ordinary accounts that can log in, by uid, each uid once', () => {
    expect(desire({})).toEqual(['zoe', 'alice', 'students-1']);
  });

  it('keeps to the policy’s uids, but never takes a system account or nobody', () => {
    expect(desire({ uid_max: 4_000_000_000 })).toEqual(['zoe', 'alice', 'students-1', 'homed', 'ldap']);
    expect(desire({ uid_min: 1001 })).toEqual(['alice', 'students-1']);
    expect(desire({ uid_min: 1, uid_max: 1000 })).toEqual(['zoe']);
  });

  it('keeps to the policy’s groups, by membership and as primary group', () => {
    const groups = [
      { name: 'staff', gid: 50, members: ['zoe', 'nobody', 'gone'] },
      { name: 'students', gid: 500, members: [] },
    ];
    expect(desire({ groups: ['staff', 'students'] }, groups)).toEqual(['zoe', 'students-1']);
  });

  it('keeps to the policy’s shells; an empty field is /bin/sh', () => {
    expect(desire({ shells: ['/bin/sh'] })).toEqual(['alice']);
    expect(desire({ shells: ['/usr/sbin/nologin'] })).toEqual(['service']);
  });
});
