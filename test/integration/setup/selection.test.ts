/** `iso-setup user` for many: names, `--all` by policy, `--from` a list; together, each user once. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installed } from '../../../src/sys/install.js';
import { isoSetup, listTree, makeRoot } from './scratch-root.js';

const users = ['alice', 'bob', 'carol', 'dave'].map((name, index) => ({ name, uid: 70001 + index }));
let root: string;

beforeEach(() => {
  const passwd = users.map(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/sh\n`).join('');
  root = makeRoot(undefined, [
    {
      path: 'etc/passwd',
      type: 'file',
      content: `root:x:0:0::/root:/bin/sh\n${passwd}svc:x:70009:70009::/x:/bin/false\n`,
    },
    { path: 'etc/group', type: 'file', content: 'staff:x:50:bob,dave\n' },
    { path: 'etc/login.defs', type: 'file', content: 'UID_MIN 70000\nUID_MAX 79999\n' },
    { path: 'etc/iso/policy.toml', type: 'file', content: '' },
    ...users.map(({ name, uid }) => ({ path: `home/${name}`, type: 'directory' as const, uid, mode: '700' })),
  ]);
});
afterEach(() => rmSync(root, { recursive: true }));

interface Listed {
  users: { user: string }[];
}
const set = (...args: string[]) => isoSetup(['user', ...args, '--root', root, '--json']);
const named = (stdout: string) => (JSON.parse(stdout) as Listed).users.map(({ user }) => user);
const owners = () =>
  readFileSync(join(root, 'etc/subuid'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':')[0]);

describe('iso-setup user', () => {
  it('--all sets up whom the policy means, in one write, and a second time finds nothing to do', () => {
    const { stdout, status, stderr } = set('--all');
    expect([stderr, status]).toEqual(['', 0]);
    expect(named(stdout)).toEqual(['alice', 'bob', 'carol', 'dave']);
    expect(owners()).toEqual(['alice', 'bob', 'carol', 'dave']);
    const before = listTree(root);
    expect(set('--all', '--check').status).toBe(0);
    expect(listTree(root)).toEqual(before);
  });

  it('--all keeps to groups and uids of the policy; a group that is missing is an error', () => {
    writeFileSync(join(root, 'etc/iso/policy.toml'), '[users]\ngroups = ["staff"]\nuid_max = 70003\n');
    expect(named(set('--all').stdout)).toEqual(['bob']);
    writeFileSync(join(root, 'etc/iso/policy.toml'), '[users]\ngroups = ["stuff"]\n');
    const { stderr, status } = set('--all');
    expect([JSON.parse(stderr).error.code, status]).toEqual(['policy.invalid', 65]);
    expect(JSON.parse(stderr).error.why).toContain('no group stuff (users.groups)');
  });

  it('--all of nobody is no failure', () => {
    writeFileSync(join(root, 'etc/iso/policy.toml'), '[users]\nuid_min = 79000\n');
    const { stdout, status } = isoSetup(['user', '--all', '--root', root]);
    expect([stdout, status]).toEqual([expect.stringContaining('nothing to do'), 0]);
    expect(named(set('--all').stdout)).toEqual([]);
  });

  it('--from takes a file, a pipe or standard input, and joins names and --all', () => {
    const list = join(root, 'list');
    writeFileSync(list, '# two\nbob\nalice\n');
    expect(named(set('--from', list).stdout)).toEqual(['bob', 'alice']);
    expect(named(set('dave', '--from', list).stdout)).toEqual(['dave', 'bob', 'alice']);
    expect(named(set('dave', '--from', list, '--all').stdout)).toEqual(['dave', 'bob', 'alice', 'carol']);
    const program = [installed('iso-setup.js'), 'user', '--root', root, '--json', '--from'];
    const piped = spawnSync(process.execPath, [...program, '-'], { encoding: 'utf8', input: 'carol\n' });
    expect([piped.stderr, named(piped.stdout)]).toEqual(['', ['carol']]);
    const script = 'exec "$0" "$@" <(echo dave)';
    const fifo = spawnSync('bash', ['-c', script, process.execPath, ...program], { encoding: 'utf8' });
    expect([fifo.stderr, named(fifo.stdout)]).toEqual(['', ['dave']]);
  });

  it('--from refuses a bad list whole, before anything is changed', () => {
    const list = join(root, 'list');
    writeFileSync(list, 'alice\r\nbob\r\n');
    const before = listTree(root);
    const bad = set('--from', list);
    expect(JSON.parse(bad.stderr).error).toMatchObject({
      code: 'list.invalid',
      why: expect.stringMatching(/^line 1: /),
    });
    expect(bad.status).toBe(65);
    for (const file of [join(root, 'absent'), join(root, 'etc'), '/dev/zero']) {
      const { stderr, status } = set('--from', file);
      expect([file, JSON.parse(stderr).error.code, status]).toEqual([file, 'list.invalid', 65]);
    }
    expect(listTree(root)).toEqual(before);
  });

  it('tells a user who does not exist beside those it sets up', () => {
    const { stdout, stderr, status } = isoSetup(['user', 'alice', 'ghost', 'bob', '--root', root]);
    expect([status, owners()]).toEqual([66, ['alice', 'bob']]);
    expect(stderr).toContain('cannot find the user ghost');
    expect(stdout).toContain('alice (uid 70001)');
  });

  it('wants to be told whom', () => {
    const { stderr, status } = isoSetup(['user', '--root', root]);
    expect([status, stderr]).toEqual([64, expect.stringContaining('give login names, --all or --from FILE')]);
  });
});
