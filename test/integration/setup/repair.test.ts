/** `--repair` on real files: what is told without it, shown before it, done by it, kept of it; and what it refuses. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onPrivateHost, partsOf } from './private-host.js';
import { isoSetup, listTree, makeRoot } from './scratch-root.js';

const users = ['alice', 'bob', 'carol'].map((name, index) => ({ name, uid: 70001 + index }));
let root: string;

beforeEach(() => {
  root = makeRoot(undefined, [
    {
      path: 'etc/passwd',
      type: 'file',
      content: users.map(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/sh\n`).join(''),
    },
    { path: 'etc/group', type: 'file', content: 'taken:x:1000000:\n' },
    ...users.map(({ name, uid }) => ({ path: `home/${name}`, type: 'directory' as const, uid, mode: '700' })),
  ]);
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (name: string) => join(root, 'etc', name);
const text = (name: string) => readFileSync(file(name), 'latin1');
const run = (...args: string[]) => isoSetup(['user', ...args, '--root', root]);

/** Every kind of fault beside lines that must stay, byte for byte. */
const SOUND = ['# kept', '', '!bob:1:5', '+nis', 'gone:655360:65536', 'alice:524288:65536'];
const faulty = [
  '# kept',
  '',
  '!bob:1:5',
  '+nis',
  'gone:655360:65536',
  'alice:524288:65536\r',
  'alice:524288:65536',
  'bob:524288:65536',
  'x:100000:0',
  'y:100000:99999999999',
  'rubbish',
  `${'z'.repeat(1_000_000)}:1:1`,
  'carol:60000:2000',
].join('\n');

describe('faulty files of ranges', () => {
  it('are refused with the line and the way out, and left alone', () => {
    writeFileSync(file('subuid'), faulty);
    const before = listTree(root);
    const { status, stderr } = run('alice');
    expect([status, stderr]).toEqual([65, expect.stringContaining('line 6')]);
    expect(stderr).toContain('iso-setup user --repair --dry-run');
    expect(text('subuid')).toBe(faulty);
    expect(listTree(root).filter((line) => !line.includes('var'))).toEqual(before);
  });

  it('are put right in the steps that a dry run shows, and nothing is lost', () => {
    writeFileSync(file('subuid'), faulty);
    const dry = run('carol', '--repair', '--dry-run');
    expect([dry.status, dry.stderr, text('subuid')]).toEqual([0, '', faulty]);
    const done = run('carol', '--repair');
    expect([done.status, done.stderr]).toEqual([0, '']);
    // The files are shown first; what is done is what was shown.
    const steps = ({ stdout }: { stdout: string }) =>
      stdout
        .split('\n\n')[0]
        ?.split('\n')
        .map((line) => line.replace(/^ {2}(todo|done)/, '  step'));
    expect(steps(done)).toEqual(steps(dry));
    expect(steps(done)?.length).toBeGreaterThan(10);
    expect(text('subuid')).toBe([...SOUND, 'bob:589824:65536', 'carol:720896:65536', ''].join('\n'));
    const kept = JSON.parse(readFileSync(join(root, 'var/lib/iso/removed-lines.json'), 'utf8')) as {
      lines: { text: string }[];
    };
    expect(kept.lines.map((line) => line.text)).toEqual(faulty.split('\n').slice(6));
    // A second time there is nothing to do, and that is said.
    const again = run('--repair', '--check');
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('no line is broken')]);
    expect(run('carol', 'bob', 'alice', '--check').stdout).not.toContain('drift');
  });
});

describe('ranges that a repair takes out', () => {
  it('are nobody’s afterwards: files of the former owner may have these ids', () => {
    writeFileSync(file('subuid'), 'alice:524288:65536\nbob:524288:131072\n');
    expect(run('--repair').status).toBe(0);
    // 589824 to 655359 was bob's alone.
    expect(text('subuid')).toBe('alice:524288:65536\nbob:655360:65536\n');
    expect(run('carol').status).toBe(0);
    expect(text('subuid')).toContain('carol:720896:65536\n');
  });

  it('of an owner who is no account are not given to another either', () => {
    writeFileSync(file('subuid'), 'gone:524288:65536\n');
    expect(run('alice').status).toBe(0);
    expect(text('subuid')).toBe('gone:524288:65536\nalice:589824:65536\n');
  });
});

describe('a range that is too small', () => {
  it('is told and kept, and gets a further one by --repair', () => {
    for (const name of ['subuid', 'subgid']) writeFileSync(file(name), 'alice:100000:1000\n');
    const told = run('alice', '--check');
    expect([told.status, told.stdout]).toEqual([2, expect.stringContaining('less than subids.count of the policy')]);
    expect(run('alice').status).toBe(0);
    expect(text('subuid')).toBe('alice:100000:1000\n');
    expect(run('alice', '--repair').status).toBe(0);
    expect(text('subuid')).toBe('alice:100000:1000\nalice:524288:65536\n');
    expect(run('alice', '--repair', '--check').status).toBe(0);
  });
});

describe('a line that comes twice', () => {
  it('is told to its user and kept, and taken out by --repair', () => {
    for (const name of ['subuid', 'subgid']) writeFileSync(file(name), 'alice:524288:65536\n# x\n70001:524288:65536\n');
    const told = run('alice', '--check');
    expect([told.status, told.stdout]).toEqual([2, expect.stringContaining('lines share ids with each other')]);
    expect(run('alice', '--repair').status).toBe(0);
    expect(text('subuid')).toBe('alice:524288:65536\n# x\n');
    expect(run('alice', '--repair', '--check').status).toBe(0);
  });
});

describe('a file without its last newline', () => {
  it('is told by --check --repair and completed', () => {
    writeFileSync(file('subuid'), '# x\nalice:524288:65536');
    expect(run('--repair', '--check').status).toBe(2);
    expect(run('--repair').status).toBe(0);
    expect(text('subuid')).toBe('# x\nalice:524288:65536\n');
  });
});

describe('a range that a container uses', () => {
  it('is not taken out: the process is named, and what is done later is in the trail', () => {
    const { refused = '', holder = '', kept, done, events = '' } = partsOf(onPrivateHost('in-use.sh'));
    expect(refused).toContain(`process ${holder.trim()} (sleep) uses ids of line 2 'bob:1048576:65536'`);
    expect(refused).toMatch(/code: container\.running\nstatus 75\n$/);
    expect(kept).toBe('alice:1048576:65536\nbob:1048576:65536\n');
    expect(done).toBe('alice:1048576:65536\nbob:524288:65536\n');
    const told = events
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; details: object });
    expect(told.map(({ action }) => action)).toEqual(['setup.refuse', 'setup.repair']);
    expect(told[1]?.details).toMatchObject({
      '/etc/subuid:2': expect.stringMatching(/^bob:1048576:65536 -> taken out/),
    });
  });
});
