import { describe, expect, it } from 'vitest';
import { lineSplitter, parseRecord, recordPrinter, tailOf } from '../../../src/run/log-record.js';
import { parseLogTime, parseTail } from '../../../src/run/log-time.js';
import { parseAttachment } from '../../../src/run/options/attachment.js';
import { parseLog } from '../../../src/run/options/log.js';

const T = '2026-01-31T08:00:00.000000001Z';
const record = (kind: 'F' | 'P', text: string, stream = 'stdout') => {
  const parsed = parseRecord(`${T} ${stream} ${kind} ${text}`);
  if (!parsed) throw new Error('it is no record');
  return parsed;
};

describe('records', () => {
  it('have a time, a stream, a kind and any text', () => {
    expect(record('P', ' a b\r\u0085', 'stderr')).toEqual({
      time: T,
      stream: 'stderr',
      ends: false,
      text: ' a b\r\u0085',
    });
    expect(record('F', '')).toMatchObject({ ends: true, text: '' });
  });

  it.each([
    '',
    'text',
    `${T} stdout`,
    `${T} stdin F x`,
    `${T} stdout X x`,
    `x${T} stdout F x`,
    '2026-01-31 stdout F x',
  ])('are not %j', (line) => expect(parseRecord(line)).toBeUndefined());

  it('come out of pieces as they were, but for what is too long', () => {
    const split = lineSplitter(10);
    expect([split('a\nb'), split('c\n'), split('x'.repeat(11)), split('y\nz\n')]).toEqual([
      ['a'],
      ['bc'],
      [],
      ['y', 'z'],
    ]);
  });

  it('are counted by lines, of which parts are one', () => {
    const of = (most: number) => {
      const tail = tailOf(most);
      for (const [kind, text] of [
        ['F', '1'],
        ['P', '2a'],
        ['F', '2b'],
        ['F', '3'],
        ['P', '4'],
      ] as const)
        tail.add(record(kind, text));
      return tail.records().map(({ text }) => text);
    };
    expect([of(0), of(1), of(2), of(3), of(9)]).toEqual([
      [],
      ['4'],
      ['3', '4'],
      ['2a', '2b', '3', '4'],
      ['1', '2a', '2b', '3', '4'],
    ]);
    const many = tailOf(3);
    for (let index = 0; index < 10_000; index += 1) many.add(record('F', String(index)));
    expect(many.records().map(({ text }) => text)).toEqual(['9997', '9998', '9999']);
  });

  it('have their time once a line and stream', () => {
    const print = recordPrinter(true);
    const records = [record('P', 'a'), record('F', 'e', 'stderr'), record('F', 'b'), record('F', 'c')];
    expect(records.map(print).join('')).toBe(`${T} a${T} e\nb\n${T} c\n`);
    expect(records.map(recordPrinter(false)).join('')).toBe('ae\nb\nc\n');
  });
});

describe('times', () => {
  const now = Date.parse('2026-01-31T08:00:00Z');
  it.each([
    ['2026-01-31T07:00:00.5Z', '2026-01-31T07:00:00.500000000Z'],
    ['2026-01-31T09:00+02:00', '2026-01-31T07:00:00.000000000Z'],
    ['2026-01-30', '2026-01-30T00:00:00.000000000Z'],
    ['1h30m', '2026-01-31T06:30:00.000000000Z'],
    ['1.5s', '2026-01-31T07:59:58.500000000Z'],
    ['1769846400', '2026-01-31T08:00:00.000000000Z'],
  ])('%s is %s', (text, time) => expect(parseLogTime('--since', text, now)).toBe(time));

  it.each(['', 'now', '-1h', '1x', '2026-13-01', '99999999999999999h', '1h '])('%j is none', (text) =>
    expect(() => parseLogTime('--since', text, now)).toThrow(/neither a date/),
  );

  it('are not numbers of lines', () => {
    expect([parseTail('all'), parseTail('-1'), parseTail('0'), parseTail('12')]).toEqual([undefined, undefined, 0, 12]);
    for (const text of ['', 'x', '1.5', '-2']) expect(() => parseTail(text)).toThrow(/neither a number/);
  });
});

describe('options', () => {
  it('of logs have defaults and bounds', () => {
    expect(parseLog(undefined, [])).toEqual({ driver: 'k8s-file', maxSize: 10 * 2 ** 20, maxFiles: 3 });
    expect(parseLog('none', ['max-size=1m', 'max-file=5', 'max-size=2m'])).toEqual({
      driver: 'none',
      maxSize: 2 * 2 ** 20,
      maxFiles: 5,
    });
    for (const text of ['max-size=15k', 'max-size=2048g', 'max-size=', 'max-file=100', 'max-file=1.5', 'x', 'tag=y'])
      expect(() => parseLog(undefined, [text])).toThrow(/--log-opt/);
  });

  it('of attachments are keys and truth values', () => {
    expect(parseAttachment(true, {})).toEqual({ stdin: true, detachKeys: 'ctrl-p,ctrl-q', passSignals: true });
    expect(parseAttachment(false, { detachKeys: '', sigProxy: 'false' })).toMatchObject({
      detachKeys: '',
      passSignals: false,
    });
    for (const detachKeys of [',', 'ab', 'ctrl-', 'ctrl-A', 'ctrl-@', 'a, b', 'ä'])
      expect(() => parseAttachment(true, { detachKeys })).toThrow(/--detach-keys/);
    expect(() => parseAttachment(true, { sigProxy: 'yes' })).toThrow(/--sig-proxy/);
  });
});
