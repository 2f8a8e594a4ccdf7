import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeLine } from '../../../src/trail/decode-line.js';
import { encodeEvent, MAX_LINE_BYTES } from '../../../src/trail/encode-event.js';
import type { TrailEvent } from '../../../src/trail/event.js';

const base: TrailEvent = {
  schema: 1,
  time: '2026-01-31T08:00:00.000Z',
  category: 'security',
  action: 'volume.refuse',
  outcome: 'failure',
  severity: 'warning',
  origin: 'self',
  uid: 1000,
  pid: 42,
  message: 'refused',
};

/** Any bytes, with those that forge lines more often than chance would have them. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('\n', '\r\n', '\u001b[2J', '\u0000', '\u2028', '\u2029', '"}\n{"uid":0', '\ud800', '\u202e'),
);
const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));

test('hostile text stays one line and comes back as it was', () => {
  const run = () =>
    fc.assert(
      fc.property(hostile, hostile, (message, value) => {
        const event = { ...base, message, details: { value } };
        const line = encodeEvent(event);
        const decoded = decodeLine(line.slice(0, -1), undefined);
        const whole = 'event' in decoded && decoded.event.message === message && decoded.event.details?.value === value;
        return line.indexOf('\n') === line.length - 1 && (whole || /[\ud800-\udfff]/.test(message + value));
      }),
    );
  expect(run).not.toThrow();
});

test('no event is too large: what is cut is marked, and the line is still an event', () => {
  const long = fc
    .integer({ min: 0, max: 20_000 })
    .chain((length) => piece.map((text) => (text || 'x').repeat(length).slice(0, length)));
  const run = () =>
    fc.assert(
      fc.property(long, long, long, fc.integer({ min: 0, max: 60 }), (message, why, value, count) => {
        const details = Object.fromEntries(
          Array.from({ length: count }, (_, index) => [`${index}${value.slice(0, 100)}`, value]),
        );
        const error = { code: 'os.failed' as const, what: why, why, hint: value };
        const container = { id: message, name: why, image: value };
        const line = encodeEvent({ ...base, message, subject: value, container, error, details });
        return Buffer.byteLength(line) <= MAX_LINE_BYTES && 'event' in decodeLine(line.slice(0, -1), undefined);
      }),
      { numRuns: 60 },
    );
  expect(run).not.toThrow();
  expect(JSON.parse(encodeEvent({ ...base, message: 'x'.repeat(5000) })).message).toMatch(/^x+…\[cut\]$/);
});

test('a spool speaks for its owner alone, whatever its text claims', () => {
  const line = JSON.stringify({ ...base, origin: 'kernel', uid: 0 });
  expect(decodeLine(line, 1001)).toMatchObject({ event: { origin: 'self', uid: 1001 } });
  expect(decodeLine(line, undefined)).toMatchObject({ event: { origin: 'kernel', uid: 0 } });
});

test.each([
  ['not JSON', '{"schema":1'],
  ['another type', '"text"'],
  ['null', 'null'],
  ['a missing field', JSON.stringify({ ...base, uid: undefined })],
  ['an additional field', JSON.stringify({ ...base, claimed: 1 })],
  ['a version from the future', JSON.stringify({ ...base, schema: 2 })],
  ['a day that does not exist', JSON.stringify({ ...base, time: '2026-13-41T08:00:00.000Z' })],
  ['an action in other letters', JSON.stringify({ ...base, action: 'Volume Refuse' })],
  ['a nested detail', JSON.stringify({ ...base, details: { a: { b: 1 } } })],
  [
    'too many details',
    JSON.stringify({ ...base, details: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, 1])) }),
  ],
])('%s is refused with a reason', (_name, line) => {
  expect(decodeLine(line, 1000)).toEqual({ why: expect.stringMatching(/./) });
});
