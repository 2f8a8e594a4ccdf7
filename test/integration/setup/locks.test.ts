/** /etc/subuid under many writers: shadow's own tools, other runs of iso-setup, dead and living holders of the lock. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastId, parseSubids } from '../../../src/facts/subids.js';
import { installed } from '../../../src/sys/install.js';
import { onPrivateHost, partsOf } from './private-host.js';
import { isoSetup, listTree, makeRoot, type Thing } from './scratch-root.js';

const ROUNDS = 50;
/** A record lock as lckpwdf(3) takes it: struct flock of 64-bit Linux, F_WRLCK by F_SETLK. */
const HOLD_PWD_LOCK =
  'use Fcntl; open(F, "+>", $ARGV[0]); $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; ' +
  '$| = 1; print "held"; sleep 60';
let root: string;
const users = Array.from({ length: 12 }, (_, index) => ({ name: `user${index}`, uid: 70001 + index }));

const things: Thing[] = [
  {
    path: 'etc/passwd',
    type: 'file',
    content: users.map(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/sh\n`).join(''),
  },
  { path: 'etc/group', type: 'file', content: '' },
  ...users.map(({ name, uid }) => ({ path: `home/${name}`, type: 'directory' as const, uid, mode: '700' })),
];

beforeEach(() => {
  root = makeRoot(undefined, things);
});

afterEach(() => rmSync(root, { recursive: true }));

function startSetup(args: readonly string[]): Promise<{ status: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [installed('iso-setup.js'), ...args], {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (status) => resolve({ status, stderr }));
  });
}

/** Owners in file order of start, after checking that no two lines share an id. */
function requireDisjoint(text: string): string[] {
  const ranges = parseSubids(text).map((line) => {
    if (line.kind !== 'range') throw new Error(`'${line.text}' is no range`);
    return line;
  });
  ranges.sort((a, b) => a.start - b.start);
  for (const [index, range] of ranges.entries()) {
    const before = ranges[index - 1];
    if (before && lastId(before) >= range.start) throw new Error(`${before.text} and ${range.text} overlap`);
  }
  return ranges.map((range) => range.owner);
}

describe('the ranges of many users', () => {
  it('never overlap and never get lost while useradd(8) makes 25 users and iso-setup sets up 25 others', () => {
    const { failed, uid = '', gid = '', left } = partsOf(onPrivateHost('race.sh', ['25']));
    expect(failed).toBe('0\n');
    const everybody = ['ours', 'theirs'].flatMap((who) =>
      Array.from({ length: 25 }, (_, index) => `${who}${index + 1}`),
    );
    for (const text of [uid, gid]) expect(requireDisjoint(text).sort()).toEqual(everybody.sort());
    expect(left).toBe('');
  }, 120_000);

  it('never overlap and never get lost in 50 rounds beside useradd, usermod and userdel', () => {
    const parts = partsOf(onPrivateHost('race-rounds.sh', [String(ROUNDS)], 400_000));
    const upTo = (name: string, last: number, first = 1) =>
      Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `${name}${first + index}`);
    for (let round = 1; round <= ROUNDS; round += 1) {
      expect([round, parts[`failed ${round}`]]).toEqual([round, '0\n']);
      const owners = [
        ...['a', 'b', 'new'].flatMap((name) => upTo(name, round)),
        ...upTo('gone', ROUNDS, round + 1),
        // The one from useradd and the newest from usermod.
        'keeper',
        'keeper',
      ];
      for (const file of ['uid', 'gid']) {
        const text = (parts[`${file} ${round}`] ?? '').replace('# kept\n', '');
        expect([round, file, requireDisjoint(text).sort()]).toEqual([round, file, [...owners].sort()]);
      }
    }
    expect(parts[`uid ${ROUNDS}`]).toContain('# kept\n');
    expect(parts.left).toBe('');
  }, 420_000);

  it('are all there after twelve runs at once on one root directory', async () => {
    const ends = await Promise.all(users.map(({ name }) => startSetup(['user', name, '--root', root])));
    expect(ends).toEqual(users.map(() => ({ status: 0, stderr: '' })));
    const owners = requireDisjoint(readFileSync(join(root, 'etc/subuid'), 'utf8'));
    expect(owners.sort()).toEqual(users.map(({ name }) => name).sort());
    expect(readFileSync(join(root, 'etc/subgid'), 'utf8')).toBe(readFileSync(join(root, 'etc/subuid'), 'utf8'));
  });

  it('are allocated in one call as well', () => {
    const { status, stdout } = isoSetup(['user', ...users.map(({ name }) => name), '--root', root, '--json']);
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as { users: unknown[] }).users).toHaveLength(users.length);
    expect(requireDisjoint(readFileSync(join(root, 'etc/subuid'), 'utf8'))).toHaveLength(users.length);
  });
});

describe('a lock of shadow', () => {
  const lock = () => join(root, 'etc/subuid.lock');

  it('of a process that is gone is removed', () => {
    const { pid } = spawnSync('true');
    writeFileSync(lock(), `${pid}\0`);
    expect(isoSetup(['user', 'user0', '--root', root]).status).toBe(0);
    expect(existsSync(lock())).toBe(false);
  });

  it('of a process that is gone is removed for the second file as well', () => {
    const { pid } = spawnSync('true');
    writeFileSync(join(root, 'etc/subgid.lock'), `${pid}\n`);
    expect(isoSetup(['user', 'user0', '--root', root]).status).toBe(0);
    expect(existsSync(join(root, 'etc/subgid.lock'))).toBe(false);
  });

  it('of a living process or of nobody is waited for, then told and left', async () => {
    // As a pid that was given to another process since, or that another pid namespace wrote.
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    const content = (text: string) => (at: string) => writeFileSync(at, text);
    const held = [
      { make: content(`${process.pid}\0`), why: `process ${process.pid} (` },
      { make: content(`${other.pid}`), why: `process ${other.pid} (sleep) holds` },
      { make: content('1\0'), why: 'process 1 (' },
      { make: content(''), why: 'holds no process id' },
      { make: content('\0'), why: 'holds no process id' },
      { make: content('0\0'), why: 'holds no process id' },
      { make: content('-1'), why: 'holds no process id' },
      { make: content('useradd'), why: 'holds no process id' },
      { make: content('99999999999'), why: 'holds no process id' },
      { make: (at: string) => symlinkSync('/etc/passwd', at), why: 'is no regular file' },
      { make: (at: string) => spawnSync('mkfifo', ['--', at]), why: 'is no regular file' },
      { make: (at: string) => mkdirSync(at), why: 'is no regular file' },
    ];
    const roots = held.map((one) => ({ ...one, at: makeRoot(undefined, things) }));
    try {
      const ends = roots.map(async ({ at, make, why }) => {
        const file = join(at, 'etc/subuid.lock');
        make(file);
        const before = listTree(at).filter((line) => line.includes('subuid'));
        const { status, stderr } = await startSetup(['user', 'user0', '--root', at]);
        expect(stderr).toContain(why);
        expect(stderr).toMatch(/waited 15 s.*\n.*\n {2}code: lock\.held\n$/);
        expect(status).toBe(75);
        expect(listTree(at).filter((line) => /sub[ug]id/.test(line))).toEqual(before);
      });
      await Promise.all(ends);
    } finally {
      other.kill();
      for (const { at } of roots) rmSync(at, { recursive: true });
    }
  }, 90_000);

  it('of lckpwdf(3) is waited for, then told; it goes with its holder', async () => {
    const holder = spawn('perl', ['-e', HOLD_PWD_LOCK, join(root, 'etc/.pwd.lock')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      const held = await startSetup(['user', 'user0', '--root', root]);
      expect([held.status, held.stderr]).toEqual([75, expect.stringMatching(/another program holds .*\.pwd\.lock/)]);
    } finally {
      holder.kill('SIGKILL');
    }
    expect(isoSetup(['user', 'user0', '--root', root]).status).toBe(0);
  });
});

describe('a run that is killed', () => {
  it('between making its own lock file and linking it leaves nothing behind for good', () => {
    const { pid } = spawnSync('true');
    for (const name of [`subuid.${pid}`, `subgid.${pid}`, 'subuid.1', 'subuid.old'])
      writeFileSync(join(root, 'etc', name), '');
    expect(isoSetup(['user', 'user0', '--root', root]).status).toBe(0);
    const left = listTree(root).filter((line) => /sub[ug]id\.(\d|old)/.test(line));
    // Those of a live process, and what is none of ours, stay.
    expect(left.map((line) => line.split(' ').at(-1))).toEqual(['etc/subuid.1', 'etc/subuid.old']);
    for (const name of ['subuid.1', 'subuid.old']) rmSync(join(root, 'etc', name));
  });

  it('at any moment leaves whole files, and the next run completes', async () => {
    const lines = Array.from({ length: 2000 }, (_, index) => `old${index}:${1_000_000 + index * 65536}:65536\n`).join(
      '',
    );
    for (const file of ['subuid', 'subgid']) writeFileSync(join(root, 'etc', file), lines);
    for (const [index, { name }] of users.entries()) {
      const args = [installed('iso-setup.js'), 'user', name, '--root', root];
      const child = spawn(process.execPath, args, { cwd: '/', stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('close', resolve));
      // From before the first change to after the last.
      setTimeout(() => child.kill('SIGKILL'), 90 + index * 15);
      await ended;
      for (const file of ['subuid', 'subgid']) {
        const text = readFileSync(join(root, 'etc', file), 'utf8');
        expect(text.startsWith(lines) && text.endsWith('\n')).toBe(true);
        requireDisjoint(text);
      }
    }
    const names = users.map(({ name }) => name);
    expect(isoSetup(['user', ...names, '--root', root]).status).toBe(0);
    const owners = requireDisjoint(readFileSync(join(root, 'etc/subuid'), 'utf8'));
    expect(owners.filter((owner) => owner.startsWith('user')).sort()).toEqual([...names].sort());
    expect(isoSetup(['user', ...names, '--root', root, '--check']).status).toBe(0);
    // Whoever takes the locks next clears what the killed ones left of them.
    for (const file of ['subuid', 'subgid']) writeFileSync(join(root, 'etc', file), lines);
    expect(isoSetup(['user', ...names, '--root', root]).status).toBe(0);
    expect(listTree(root).filter((line) => /iso-new|sub[ug]id\.(lock|\d)/.test(line))).toEqual([]);
  });

  it('for want of space leaves both files as they were', () => {
    const lines = 'old:1000000:65536\n';
    for (const file of ['subuid', 'subgid']) writeFileSync(join(root, 'etc', file), lines);
    // A directory where the new file would be prepared: as good as a full disk, for the second of the two files.
    const { status } = spawnSync('mkdir', [join(root, 'etc/subgid.iso-new')]);
    expect(status).toBe(0);
    const ended = isoSetup(['user', 'user0', '--root', root]);
    expect(ended.stderr).toMatch(/code: write\.failed\n$/);
    expect(ended.status).toBe(73);
    for (const file of ['subuid', 'subgid']) expect(readFileSync(join(root, 'etc', file), 'utf8')).toBe(lines);
    expect(existsSync(join(root, 'etc/subuid.iso-new'))).toBe(false);
  });
});
