/** What a run that was killed left: finished by the next command, whatever it is; and journals that nobody should believe. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatRecords, type IntentRecord, type JournalRecord, machineDigest } from '../../../src/setup/journal.js';
import { makeTracedInstall, run, runInto, snapshot, withRoot } from './crash-points.js';
import type { Thing } from './scratch-root.js';

const passwd = (bob: number) => `alice:x:70001:70001::/home/alice:/bin/sh\nbob:x:${bob}:${bob}::/home/bob:/bin/sh\n`;
const things: Thing[] = [
  { path: 'etc/passwd', type: 'file', content: passwd(70002) },
  { path: 'etc/group', type: 'file', content: '' },
  { path: 'etc/machine-id', type: 'file', content: 'b08dfa6083e7567a1921a715000001fb\n' },
  { path: 'home/alice', type: 'directory', uid: 70001, mode: '700' },
  { path: 'home/bob', type: 'directory', uid: 70002, mode: '700' },
];
const machine = machineDigest('b08dfa6083e7567a1921a715000001fb');
const header: JournalRecord = { kind: 'header', schema: 1, machine };
const intent = (over: Partial<IntentRecord>): IntentRecord => ({
  kind: 'intent',
  command: 'user',
  subject: 'alice',
  uid: 70001,
  steps: [],
  ...over,
});

let install: string;
beforeAll(() => {
  install = makeTracedInstall();
});
afterAll(() => rmSync(install, { recursive: true }));

function placeJournal(root: string, text: string): string {
  mkdirSync(join(root, 'var/lib/iso'), { recursive: true, mode: 0o700 });
  const path = join(root, 'var/lib/iso/journal');
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}

const kill = (root: string, when: number) =>
  runInto(
    { place: 'iso-setup', syscall: 'rename', when, effect: 'signal=KILL' },
    ['user', 'alice', '--root', root],
    install,
  );

// Whom the policy means, by default.
const hooked: Thing[] = [...things, { path: 'etc/login.defs', type: 'file', content: 'UID_MAX 80000\n' }];

describe('a run that was killed', () => {
  it.each([
    ['user bob', ['user', 'bob']],
    ['system', ['system']],
    ['remove bob', ['remove', 'bob']],
  ])('is finished by `iso-setup %s`, which says so', (_, args) =>
    withRoot(things, [['user', 'bob']], async (root) => {
      // Its note of ranges, their backups, both files and the note for the first boot are in place, the user's is not.
      await kill(root, 7);
      expect(existsSync(join(root, 'var/lib/iso/journal'))).toBe(true);
      expect(existsSync(join(root, 'home/alice/.config/containers/seccomp.json'))).toBe(false);
      const { status, stderr } = await run([...args, '--root', root]);
      expect([status, stderr]).toEqual([0, 'iso-setup: finished the set-up of alice that an earlier run began\n']);
      expect(existsSync(join(root, 'home/alice/.config/containers/seccomp.json'))).toBe(true);
      expect(existsSync(join(root, 'var/lib/iso/journal'))).toBe(false);
      expect(await run(['user', 'alice', '--check', '--root', root])).toMatchObject({ status: 0, stderr: '' });
    }),
  );

  it('is left to another run by the hooks, whose time is short: a home that never answers is no matter of others', () =>
    withRoot(hooked, [], async (root) => {
      // As its user could make it with FUSE, or by stopping the process: nothing in it is looked at.
      const host: JournalRecord = { kind: 'intent', command: 'system', subject: 'host', steps: [] };
      const text = formatRecords([header, intent({}), host]);
      placeJournal(root, text);
      expect(await run(['user', '--selected', 'bob', '--root', root])).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(join(root, 'home/bob/.config/containers/seccomp.json'))).toBe(true);
      expect(existsSync(join(root, 'home/alice/.config'))).toBe(false);
      expect(readFileSync(join(root, 'var/lib/iso/journal'), 'utf8').startsWith(text)).toBe(true);
      const own = await run(['user', '--selected', 'alice', '--root', root]);
      expect(own.stderr).toBe('iso-setup: finished the set-up of alice that an earlier run began\n');
      expect((await run(['user', 'bob', '--root', root])).stderr).toContain('the set-up of host that an earlier run');
      expect(existsSync(join(root, 'var/lib/iso/journal'))).toBe(false);
    }));

  it.each([
    ['stay, when the home may still be there', false, ['bob:524288:65536']],
    ['are free, when the home went too', true, []],
  ])('while an account was deleted is finished as it was begun: ids %s', (_, homeIsGone, noted) =>
    withRoot(things, [['user', 'bob']], async (root) => {
      writeFileSync(join(root, 'etc/passwd'), passwd(70002).replace(/^bob.*\n/m, ''));
      const record = intent({ command: 'remove', subject: 'bob', uid: 70002, deleted: { homeIsGone } });
      placeJournal(root, formatRecords([header, record]));
      const { status, stderr } = await run(['system', '--root', root]);
      expect([status, stderr]).toEqual([0, 'iso-setup: finished the removal of bob that an earlier run began\n']);
      expect(readFileSync(join(root, 'etc/subuid'), 'utf8')).toBe('');
      const ranges = JSON.parse(readFileSync(join(root, 'var/lib/iso/ranges.json'), 'utf8')) as { uid: string[] };
      expect(ranges.uid).toEqual(noted);
    }),
  );

  it('while an account was deleted that is there again takes nothing from it', () =>
    withRoot(things, [['user', 'bob']], async (root) => {
      const before = readFileSync(join(root, 'etc/subuid'), 'utf8');
      const record = intent({ command: 'remove', subject: 'bob', uid: 70002, deleted: { homeIsGone: true } });
      placeJournal(root, formatRecords([header, record]));
      expect((await run(['system', '--root', root])).status).toBe(0);
      expect(readFileSync(join(root, 'etc/subuid'), 'utf8')).toBe(before);
    }));

  it('between the two files of ranges leaves both replaced in the end, or none', () =>
    withRoot(things, [], async (root) => {
      await kill(root, 3);
      const text = (name: string) => readFileSync(join(root, 'etc', name), 'utf8');
      expect([text('subuid'), existsSync(join(root, 'etc/subgid'))]).toEqual(['alice:524288:65536\n', false]);
      const { stderr } = await run(['system', '--root', root]);
      expect(stderr).toContain('while it wrote /etc/subuid and /etc/subgid: completed');
      expect(text('subgid')).toBe(text('subuid'));
      expect(readdirSync(join(root, 'etc')).filter((name) => /\.lock|iso-new|\.\d+$/.test(name))).toEqual([
        '.pwd.lock',
      ]);
    }));

  it('is left alone by a dry run and by --check', () =>
    withRoot(things, [], async (root) => {
      await kill(root, 4);
      const before = snapshot(root);
      for (const option of ['--dry-run', '--check']) await run(['user', 'alice', option, '--root', root]);
      expect(snapshot(root)).toEqual(before);
    }));

  it('and lost half of a file to a power cut: the rest of it is no edit of the user', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      const file = (name: string) => join(root, 'home/alice/.config/containers', name);
      const whole = readFileSync(file('seccomp.json'), 'utf8');
      const before = snapshot(root);
      const torn = ['', whole.slice(0, 4096), `${whole.slice(0, 4096)}${'\0'.repeat(whole.length - 4096)}`];
      for (const text of torn) {
        placeJournal(root, formatRecords([header, intent({})]));
        writeFileSync(file('seccomp.json'), text);
        writeFileSync(file('policy.json'), '');
        expect(await run(['user', 'alice', '--root', root])).toMatchObject({ status: 0 });
        expect(snapshot(root)).toEqual(before);
      }
      // Without a run that was killed the same is an edit, and so is anything else within one.
      writeFileSync(file('policy.json'), '');
      expect((await run(['user', 'alice', '--root', root])).stdout).toMatch(
        /drift +file +~\/.config\/containers\/policy.json/,
      );
      placeJournal(root, formatRecords([header, intent({})]));
      writeFileSync(file('policy.json'), '{}');
      await run(['user', 'alice', '--root', root]);
      expect(readFileSync(file('policy.json'), 'utf8')).toBe('{}');
    }));

  it('and lost the note of what is ours: it is in the journal', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      const note = join(root, 'var/lib/iso/users/70001.json');
      const state = JSON.parse(readFileSync(note, 'utf8')) as NonNullable<IntentRecord['state']>;
      const before = snapshot(root);
      placeJournal(root, formatRecords([header, intent({ state })]));
      writeFileSync(note, '');
      await run(['user', 'alice', '--root', root]);
      expect(snapshot(root)).toEqual(before);
    }));
});

describe('a journal', () => {
  const good = formatRecords([header, intent({})]);
  const cases: [string, (root: string) => void, RegExp][] = [
    ['that is damaged', (root) => placeJournal(root, good.replace('alice', 'carol')), /line 2 is damaged/],
    ['of bytes that are no text', (root) => placeJournal(root, `\xff\0${good}`), /line 1 is damaged/],
    ['without its header', (root) => placeJournal(root, formatRecords([intent({})])), /line 1 is out of place/],
    [
      'from another machine',
      (root) => placeJournal(root, formatRecords([{ ...header, machine: '0'.repeat(16) }, intent({})])),
      /another machine/,
    ],
    ['that a group may read', (root) => chmodSync(placeJournal(root, good), 0o640), /others than root/],
    ['of another user', (root) => chownSync(placeJournal(root, good), 70001, 0), /others than root/],
    [
      'that is a link',
      (root) => {
        placeJournal(root, good);
        rmSync(join(root, 'var/lib/iso/journal'));
        symlinkSync('/etc/passwd', join(root, 'var/lib/iso/journal'));
      },
      /no regular file/,
    ],
    [
      'of another shape',
      (root) => placeJournal(root, formatRecords([header, { ...intent({}), uid: -1 }])),
      /line 2 is damaged/,
    ],
    [
      'that does not say whether a home is gone',
      (root) => placeJournal(root, formatRecords([header, { ...intent({}), deleted: {} as { homeIsGone: boolean } }])),
      /line 2 is damaged/,
    ],
  ];
  it.each(cases)('%s is set aside, and nothing of it is done', (_, prepare, why) =>
    withRoot(things, [['user', 'bob']], async (root) => {
      prepare(root);
      const { status, stderr } = await run(['user', 'bob', '--root', root]);
      expect([status, stderr]).toEqual([0, expect.stringMatching(why)]);
      expect(stderr).toContain('var/lib/iso/journal.refused-1');
      expect(lstatSync(join(root, 'var/lib/iso/journal.refused-1'))).toBeDefined();
      expect(existsSync(join(root, 'var/lib/iso/journal'))).toBe(false);
      expect(readdirSync(join(root, 'home/alice'))).toEqual([]);
    }),
  );

  it('whose last record is cut off counts without it', () =>
    withRoot(things, [['user', 'bob']], async (root) => {
      placeJournal(root, `${formatRecords([header])}${formatRecords([intent({})]).slice(0, -9)}`);
      expect(await run(['user', 'bob', '--root', root])).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(join(root, 'var/lib/iso/journal'))).toBe(false);
    }));

  it.each([
    ['has another uid by now', intent({ subject: 'bob', uid: 70009 }), /its uid was 70009 and is 70002/],
    ['is gone', intent({ subject: 'carol', uid: 70003 }), /has no such name/],
    ['is root', intent({ subject: 'root', uid: 1 }), /has no such name|its uid was/],
    ['is no name at all', intent({ subject: '../alice' }), /not a user name/],
  ])('of a user who %s is not followed', (_, record, why) =>
    withRoot(things, [], async (root) => {
      placeJournal(root, formatRecords([header, record]));
      const { status, stderr } = await run(['system', '--root', root]);
      expect([status, stderr]).toEqual([0, expect.stringMatching(why)]);
      expect([readdirSync(join(root, 'home/alice')), readdirSync(join(root, 'home/bob'))]).toEqual([[], []]);
    }),
  );
});
