import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TrailEvent } from '../../../src/trail/event.js';
import { createSelection, type EventFilter, matches, parseSince, shares } from '../../../src/trail/select-events.js';

const at = (time: number, change: Partial<TrailEvent> = {}) => ({
  time,
  event: {
    schema: 1,
    time: new Date(time).toISOString(),
    category: 'lifecycle',
    action: 'container.start',
    outcome: 'success',
    severity: 'info',
    origin: 'self',
    uid: 1000,
    pid: 1,
    message: String(time),
    ...change,
  } as TrailEvent,
});

test.each<[string, Partial<TrailEvent>, EventFilter, boolean]>([
  ['everything', {}, {}, true],
  ['from then on', {}, { since: 100 }, true],
  ['before then', {}, { since: 101 }, false],
  ['the category', {}, { category: 'lifecycle' }, true],
  ['another category', {}, { category: 'security' }, false],
  ['the uid', {}, { user: { uid: 1000, ranges: [] } }, true],
  ['another uid', {}, { user: { uid: 1001, ranges: [] } }, false],
  ['a subordinate uid', { uid: 165536 }, { user: { uid: 1001, ranges: [{ start: 165536, count: 1 }] } }, true],
  ['one beyond the range', { uid: 165537 }, { user: { uid: 1001, ranges: [{ start: 165536, count: 1 }] } }, false],
  ['the subject', { uid: 0, subject: 'bob' }, { user: { uid: 1001, name: 'bob', ranges: [] } }, true],
])('%s', (_name, change, filter, expected) => {
  expect(matches(at(100, change), filter)).toBe(expected);
});

test('shares use the limit up and take from the largest', () => {
  expect(shares([3, 1000, 2], 10)).toEqual([3, 5, 2]);
  expect(shares([3, 2], 10)).toEqual([3, 2]);
  expect(shares([], 10)).toEqual([]);
  const run = () =>
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 8 }), fc.nat(100), (sizes, limit) => {
        const given = shares(sizes, limit);
        const sum = given.reduce((a, b) => a + b, 0);
        const total = sizes.reduce((a, b) => a + b, 0);
        const fair = given.every(
          (share, index) => share >= Math.min(sizes[index] ?? 0, Math.floor(limit / sizes.length)),
        );
        return sum === Math.min(limit, total) && fair && given.every((share, index) => share <= (sizes[index] ?? 0));
      }),
    );
  expect(run).not.toThrow();
});

test('a flood from one source leaves the others their newest events', () => {
  const selection = createSelection({}, 10);
  selection.nextSource();
  for (let time = 0; time < 5; time += 1) selection.add(at(time, { uid: 1 }));
  selection.nextSource();
  for (let time = 0; time < 100_000; time += 1) selection.add(at(1_000_000 + time, { uid: 2 }));
  const { events, leftOut } = selection.finish();
  expect(events.map(({ event, time }) => [event.uid, time])).toEqual([
    ...[0, 1, 2, 3, 4].map((time) => [1, time]),
    ...[5, 4, 3, 2, 1].map((back) => [2, 1_100_000 - back]),
  ]);
  expect(leftOut).toBe(99_995);
});

test('events of one instant keep their order', () => {
  const selection = createSelection({}, 100);
  selection.nextSource();
  for (const message of ['a', 'b', 'c']) selection.add(at(7, { message }));
  selection.nextSource();
  for (const message of ['d', 'e']) selection.add(at(7, { message }));
  expect(selection.finish().events.map(({ event }) => event.message)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

const now = Date.UTC(2026, 0, 31, 12);
test.each([
  ['90s', now - 90_000],
  ['15m', now - 900_000],
  ['2h', now - 7_200_000],
  ['7d', now - 604_800_000],
  ['2026-01-31T08:00Z', Date.UTC(2026, 0, 31, 8)],
  ['2026-01-31 08:00:05+01:00', Date.UTC(2026, 0, 31, 7, 0, 5)],
  ['2026-01-31', new Date(2026, 0, 31).getTime()],
  ['2026-01-31T08:00', new Date(2026, 0, 31, 8).getTime()],
  ['', undefined],
  ['yesterday', undefined],
  ['2026-13-01', undefined],
  ['-2h', undefined],
  ['1e9d', undefined],
])('since %j', (text, expected) => {
  expect(parseSince(text, now)).toBe(expected);
});
