import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MAX_LINE_BYTES } from '../../../src/trail/encode-event.js';
import type { TrailEvent } from '../../../src/trail/event.js';
import { formatEvents, formatNote } from '../../../src/trail/format-events.js';
import { MAX_SPOOL_BYTES, readEvents } from '../../../src/trail/read-trail.js';
import { USER_SPOOL } from '../../../src/trail/record-event.js';

const CANARY = 'canary-that-nobody-must-read';
const owner = process.getuid?.() ?? 0;
let root: string;
let home: string;
let spool: string;
let trail: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iso-trail-'));
  home = join(root, 'home');
  spool = join(home, USER_SPOOL);
  trail = join(root, 'trail');
  mkdirSync(dirname(spool), { recursive: true, mode: 0o700 });
  mkdirSync(trail, { mode: 0o750 });
  writeFileSync(join(root, 'canary'), CANARY);
});
afterEach(() => rmSync(root, { recursive: true }));

const line = (second: number, change: Partial<TrailEvent> = {}) =>
  `${JSON.stringify({
    schema: 1,
    time: `2026-01-31T08:00:${String(second).padStart(2, '0')}.000Z`,
    category: 'lifecycle',
    action: 'container.start',
    outcome: 'success',
    severity: 'info',
    origin: 'root',
    uid: 0,
    pid: 1,
    message: `event ${second}`,
    ...change,
  })}\n`;

const read = (limit = 100, filter = {}) =>
  readEvents(
    { trail: { directory: trail, owner }, spools: [{ name: 'alice', uid: owner, home, crossMounts: false }] },
    filter,
    limit,
  );
const messages = (limit = 100, filter = {}) => read(limit, filter).events.map(({ event }) => event.message);

test('trail files and spool are merged by time', () => {
  writeFileSync(join(trail, 'events.jsonl'), line(1) + line(4));
  writeFileSync(join(trail, 'other.jsonl'), line(3));
  writeFileSync(join(trail, 'notes.txt'), line(9));
  writeFileSync(spool, line(2));
  expect(messages()).toEqual(['event 1', 'event 2', 'event 3', 'event 4']);
  expect(messages(2)).toHaveLength(2);
  expect(read(2).leftOut).toBe(2);
  expect(read().notes).toEqual([]);
});

test('what a spool claims to be is not believed', () => {
  writeFileSync(spool, line(1, { origin: 'kernel', uid: 4242 }));
  expect(read().events[0]?.event).toMatchObject({ origin: 'self', uid: owner });
});

const hostile: [string, string, () => void][] = [
  ['a symbolic link', 'symbolic link', () => symlinkSync(join(root, 'canary'), spool)],
  ['a hard link', '2 hard links', () => linkSync(join(root, 'canary'), spool)],
  ['a FIFO', 'not a regular file', () => execFileSync('mkfifo', [spool])],
  ['a directory', 'not a regular file', () => mkdirSync(spool)],
  [
    'a file of another user',
    'belongs to uid 12345',
    () => {
      writeFileSync(spool, line(1));
      chownSync(spool, 12345, 12345);
    },
  ],
  [
    'a link on the way',
    'symbolic link',
    () => {
      rmSync(dirname(spool), { recursive: true });
      mkdirSync(join(root, 'elsewhere'));
      writeFileSync(join(root, 'elsewhere/events.jsonl'), line(1));
      symlinkSync(join(root, 'elsewhere'), dirname(spool));
    },
  ],
];

test.each(hostile)('a spool that is %s is refused, and the others are read', (_name, why, make) => {
  make();
  writeFileSync(join(trail, 'events.jsonl'), line(7));
  const found = read();
  expect(found.events.map(({ event }) => event.message)).toEqual(['event 7']);
  expect(found.notes).toEqual([{ source: spool, why: expect.stringContaining(why) }]);
  expect(JSON.stringify(found)).not.toContain(CANARY);
});

test('lines that are no events are counted, told, and safe to print', () => {
  const bad = ['{"schema":1', '\u001b[2J\u0000\u2028', 'x'.repeat(MAX_LINE_BYTES + 1), '{}', ''];
  writeFileSync(spool, `${line(1)}${bad.join('\n')}\n${line(2, { message: 'a\nb\u001b[31m\u0000\u2028' })}torn`);
  const found = read();
  expect(found.events).toHaveLength(2);
  expect(found.notes).toHaveLength(1);
  expect(found.notes[0]?.refused).toMatchObject({ lines: 5, first: { line: 2, why: 'it is not JSON' } });
  expect(formatNote(found.notes[0] ?? { source: '', why: '' })).toContain('5 lines refused; the first is line 2');
  const text = formatEvents(found, () => undefined);
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toContain('a\\x0ab\\x1b[31m\\x00\\u2028');
});

test('a file with one endless line is not read into memory', () => {
  writeFileSync(join(trail, 'events.jsonl'), line(1));
  truncateSync(join(trail, 'events.jsonl'), 2 ** 28);
  const before = process.memoryUsage().rss;
  const found = read();
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  expect(found.events).toHaveLength(1);
  expect(found.notes[0]?.refused?.lines).toBe(1);
});

test('of a spool that a user made endless only the end is read', () => {
  writeFileSync(spool, '');
  truncateSync(spool, 2 ** 42);
  appendFileSync(spool, `\n${line(5)}`);
  const found = read();
  expect(found.events.map(({ event }) => event.message)).toEqual(['event 5']);
  expect(found.notes.map(({ why }) => why)).toEqual([expect.stringContaining(`only the last ${MAX_SPOOL_BYTES}`)]);
});

test('a flood of one user, from the future too, hides nobody else', () => {
  writeFileSync(join(trail, 'events.jsonl'), line(1, { message: 'quiet' }));
  const flood = line(59, { time: '2999-01-31T08:00:00.000Z', message: 'loud' });
  writeFileSync(spool, flood.repeat(20_000));
  const shown = messages(50);
  expect(shown).toHaveLength(50);
  expect(shown[0]).toBe('quiet');
});

test('a trail that is not there, and one of somebody else', () => {
  const notes = (directory: string, uid: number) =>
    readEvents({ trail: { directory, owner: uid }, spools: [] }, {}, 10).notes;
  expect(notes(join(root, 'none'), owner)).toEqual([{ source: join(root, 'none'), why: 'nothing was recorded yet' }]);
  expect(notes(trail, 12345)[0]?.why).toContain('not to uid 12345');
});

test.each([
  ['--since', 'yesterday'],
  ['--category', 'gossip'],
  ['--limit', '0'],
  ['--limit', '1e3'],
])('iso-audit events %s %s is refused', (...args) => {
  const program = join(import.meta.dirname, '../../../dist/iso-audit.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'events', ...args], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([64, '']);
  expect(stderr).toContain('code: usage.invalid');
});

test('a reader that closes the pipe early ends the command quietly', () => {
  const program = join(import.meta.dirname, '../../../dist/iso-audit.js');
  // `report` prints more than a pipe of one page takes before `true` has gone.
  const script = '"$0" "$1" report --json | true; "$0" "$1" report | head -n 1';
  const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
  expect(stdout).toMatch(/^iso-audit report of /);
  expect(stderr).toBe('');
});
