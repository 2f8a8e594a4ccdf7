/** A real user of this machine: made, set up, set up again, edited, taken back. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FILES, PRIVATE_DIRECTORIES } from '../../../src/setup/desired-user.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';
import { isoSetup } from './scratch-root.js';

const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });

interface Shown {
  user: string;
  uid: number;
  phases: { phase: string; items: { state: string; reason: string; kind: string; subject: string }[] }[];
}

let user: ThrowawayUser;
beforeAll(() => {
  user = makeUser({ provisioned: false });
});
afterAll(() => user?.remove());

const show = (...args: string[]) => {
  const { stdout, status, stderr } = isoSetup(['user', user.name, '--json', ...args]);
  expect(stderr).toBe('');
  return { status, shown: JSON.parse(stdout) as Shown };
};
const itemsOf = (shown: Shown) => shown.phases.flatMap(({ items }) => items);

describe('a user of this machine', () => {
  it('is set up in four phases, which a dry run shows before', () => {
    const dry = show('--dry-run').shown;
    expect(() => statSync(join(user.home, '.config'))).toThrow(/ENOENT/);
    expect(isoSetup(['user', user.name, '--check']).status).toBe(2);
    const { shown, status } = show();
    expect(status).toBe(0);
    expect([shown.user, shown.uid]).toEqual([user.name, user.uid]);
    expect(shown.phases.map(({ phase }) => phase)).toEqual(['validate', 'create', 'verify', 'deploy']);
    const key = ({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`;
    expect(itemsOf(shown).map(key)).toEqual(itemsOf(dry).map(key));
    expect(itemsOf(shown).filter(({ state }) => state === 'done').length).toBe(
      itemsOf(dry).filter(({ state }) => state === 'todo').length,
    );
  });

  it('owns a private tree and private files', () => {
    for (const path of PRIVATE_DIRECTORIES) {
      const stat = statSync(join(user.home, path));
      expect([path, stat.mode & 0o7777, stat.uid]).toEqual([path, 0o700, user.uid]);
    }
    for (const { path } of FILES) {
      const stat = statSync(join(user.home, path));
      expect([path, stat.mode & 0o7777, stat.uid, stat.nlink]).toEqual([path, 0o600, user.uid, 1]);
    }
  });

  it('has ranges that shadow and newuidmap(1) know', () => {
    for (const option of [[], ['-g']]) {
      const [, , start, count] = run('getsubids', ...option, user.name)
        .stdout.trim()
        .split(/\s+/)
        .map(Number);
      expect([count, (start ?? 1) % 65536, (start ?? 0) >= 524288]).toEqual([65536, 0, true]);
    }
    const map = user.run(['unshare', '--user', '--map-auto', '--map-root-user', 'cat', '/proc/self/uid_map']);
    expect(map.stdout.trim().split('\n')[0]?.trim().split(/\s+/)).toEqual(['0', String(user.uid), '1']);
    expect(map.stdout.trim().split('\n').length).toBe(2);
  });

  it('is left alone by a second run, which gives its reasons', () => {
    const { shown, status } = show();
    const items = itemsOf(shown);
    expect(status).toBe(0);
    expect(items.filter(({ state }) => state !== 'unchanged' && state !== 'unavailable')).toEqual([]);
    expect(items.filter(({ reason }) => reason === '')).toEqual([]);
    expect(isoSetup(['user', user.name, '--check']).status).toBe(0);
  });

  it('may look at the own set-up without root, and at nobody else’s', () => {
    const own = user.iso('iso-setup', ['user', user.name]);
    expect([own.status, own.stderr]).toEqual([0, '']);
    expect(user.iso('iso-setup', ['user', 'nobody']).status).toBe(77);
    expect(user.iso('iso-setup', ['system']).status).toBe(77);
    expect(user.iso('iso-setup', ['remove', user.name]).status).toBe(77);
  });

  it('keeps an edit, which is told as drift', () => {
    const file = join(user.home, '.config/containers/containers.conf');
    appendFileSync(file, '# mine\n');
    const { shown, status } = show('--check');
    expect(status).toBe(2);
    expect(
      itemsOf(shown)
        .filter(({ state }) => state === 'drift')
        .map(({ subject }) => subject),
    ).toEqual(['~/.config/containers/containers.conf']);
    expect(show().status).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/# mine\n$/);
  });

  it('is in the audit trail, and so is who was refused', () => {
    isoSetup(['user', 'daemon']);
    const events = readFileSync('/var/log/iso/events.jsonl', 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; subject: string; category: string; outcome: string })
      .map(({ action, subject, category, outcome }) => [action, subject, category, outcome].join(' '));
    expect(events).toContain(`setup.apply ${user.name} lifecycle success`);
    expect(events).toContain('setup.refuse daemon permission failure');
  });

  it('is taken back: first the ranges, then on request the data, never what the user wrote', () => {
    const start = Number(run('getsubids', user.name).stdout.split(' ')[2]);
    const mapped = join(user.home, '.local/share/containers/storage/mapped');
    mkdirSync(join(mapped, 'closed'), { recursive: true, mode: 0 });
    for (const path of [join(mapped, 'closed'), mapped]) chownSync(path, start + 33, start + 33);
    expect(isoSetup(['remove', user.name]).status).toBe(0);
    expect(run('getsubids', user.name).status).not.toBe(0);
    expect(statSync(join(user.home, '.local/share/containers/storage')).isDirectory()).toBe(true);
    expect(show().status).toBe(0);
    const purged = isoSetup(['remove', user.name, '--purge', '--json']);
    expect([purged.status, purged.stderr]).toEqual([0, '']);
    expect(purged.stdout).toContain('entries of subordinate ids');
    expect(() => statSync(join(user.home, '.local/share/containers'))).toThrow(/ENOENT/);
    expect(() => statSync(join(user.home, '.config/containers/policy.json'))).toThrow(/ENOENT/);
    expect(readFileSync(join(user.home, '.config/containers/containers.conf'), 'utf8')).toMatch(/# mine\n$/);
    expect(readFileSync('/etc/subuid', 'utf8')).not.toContain(user.name);
    expect(() => statSync(`/var/lib/iso/users/${user.uid}.json`)).toThrow(/ENOENT/);
  });
});
