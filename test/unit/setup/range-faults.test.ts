/** Faulty lines: each is told with its line and reason, put right without loss of any other, and then there are none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRangeFaults, repairLines, showLine } from '../../../src/facts/range-faults.js';
import { formatSubids, lastId, overlaps, parseSubids } from '../../../src/facts/subids.js';

const names = new Map([['1000', 'alice']]);
const ownerOf = (owner: string) => names.get(owner) ?? owner;
const faultsOf = (text: string, realIds: number[] = []) =>
  findRangeFaults({ lines: parseSubids(text), realIds, isComplete: text === '' || text.endsWith('\n') }, ownerOf);
const repaired = (text: string, realIds: number[] = []) =>
  formatSubids(repairLines(parseSubids(text), faultsOf(text, realIds)));

describe('findRangeFaults', () => {
  it.each([
    ['a count of 0', 'alice:100000:0\n', ['1 broken: its count is 0']],
    [
      'an overflow',
      'y:100000:99999999999\n',
      ['1 broken: it ends at 100000099998, beyond the last usable id 4294967293'],
    ],
    ['a carriage return', 'a:100000:10\r\n', ['1 broken: it ends in a carriage return']],
    ['a NUL byte', 'a:100000:10\nb\0:200000:10\n', ['2 broken: it holds a control character']],
    ['a missing field', '# ok\n\ncarol:100000\n', ['3 broken: it is not OWNER:START:COUNT']],
    ['a megabyte', `${'x'.repeat(1_000_000)}\n`, ['1 broken: it is longer than 1023 bytes']],
    ['a repetition', 'a:100000:10\nb:200000:10\na:100000:10\n', ["3 duplicate: it repeats line 1 'a:100000:10'"]],
    ['a repetition by uid', 'alice:100000:10\n1000:100000:10\n', ["2 duplicate: it repeats line 1 'alice:100000:10'"]],
    ['a part of its own', 'a:100000:10\na:100005:2\n', ["2 duplicate: it is part of line 1 'a:100000:10'"]],
    [
      'ids of its own',
      'a:100000:10\na:100005:10\n',
      ["2 overlap: it shares ids from 100005 with line 1 'a:100000:10' of the same owner"],
    ],
    [
      'the ids of others',
      'a:100000:10\nb:100000:10\n',
      ["2 overlap: it shares ids from 100000 with line 1 'a:100000:10'"],
    ],
    [
      'ids of everybody',
      'y:1000000:4000000\na:1000000:10\nb:2000000:10\n',
      ["1 overlap: it shares ids from 2000000 with line 3 'b:2000000:10'"],
    ],
    ['the id of an account', 'a:100000:10\n', ['1 reserved: it holds 100004, the id of an account or group'], [100004]],
    ["nobody's id", 'a:65000:600\n', ['1 reserved: it holds 61184, an id that systemd gives out and takes back']],
    [
      'no newline',
      'a:100000:10',
      ['1 newline: it does not end in a newline, so what another program appends would become part of it'],
    ],
  ])('tells %s', (_, text, faults, realIds: number[] = []) => {
    const found = faultsOf(text, realIds).map(({ line, kind, why }) => `${line} ${kind}: ${why}`);
    expect(found).toEqual(faults);
  });

  it('finds nothing in sound files, comments and lines of others included', () => {
    expect(faultsOf('# mine\n\n+nis\n!bob:1:5\na:100000:65536\nb:165536:65536\na:300000:5\n')).toEqual([]);
  });

  it('shows a long line by its beginning', () => {
    expect(showLine(`jörg${'x'.repeat(2000)}`)).toMatch(/^j.*… \(2004 bytes\)$/);
  });
});

describe('repairLines', () => {
  it.each([
    ['takes out what cannot be believed', 'a:1:x\nb:200000:10\n', 'b:200000:10\n'],
    ['takes a carriage return away', '# x\r\nb:200000:10\r\n', '# x\r\nb:200000:10\n'],
    ['keeps the first of two', 'a:100000:10\n# between\na:100000:10\n', 'a:100000:10\n# between\n'],
    ['cuts what the owner has already', 'a:100000:10\na:100005:10\n', 'a:100000:10\na:100010:5\n'],
    ['lets most lines stay', 'y:1000000:4000000\na:1000000:10\nb:2000000:10\n', 'a:1000000:10\nb:2000000:10\n'],
    ['takes a line with two faults out', 'a:100000:10\nb:100000:10\r\n', 'a:100000:10\n'],
    ['completes the last line', '# x\na:100000:10', '# x\na:100000:10\n'],
  ])('%s', (_, text, after) => {
    expect(repaired(text)).toBe(after);
  });

  const owner = fc.constantFrom('alice', '1000', 'bob', 'carol', '!bob', 'gone');
  const range = fc
    .tuple(
      owner,
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.integer({ min: 0, max: 3000 }),
      fc.constantFrom('', '', '\r'),
    )
    .map(([name, start, count, end]) => `${name}:${start}:${count}${end}`);
  const line = fc.oneof(
    { weight: 6, arbitrary: range },
    fc.constantFrom('# comment', '', '+nis', 'rubbish', 'a:b:c', 'x:1:2:3', `${'z'.repeat(1100)}:1:1`),
    fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
  );
  const ids = fc.array(fc.integer({ min: 60_000, max: 70_000 }), { maxLength: 5 });

  it('leaves no fault, no shared id, every line of others, and no more ids than there were', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), ids, fc.boolean(), (lines, realIds, isComplete) => {
        const text = lines.join('\n') + (isComplete ? '\n' : '');
        const after = repaired(text, realIds);
        expect(faultsOf(after, realIds)).toEqual([]);
        expect(repaired(after, realIds)).toBe(after);
        const before = parseSubids(text);
        const others = before.flatMap((one) => (one.kind === 'other' ? [one.text] : []));
        const found = parseSubids(after);
        expect(found.flatMap((one) => (one.kind === 'other' ? [one.text] : []))).toEqual(others);
        const ranges = found.flatMap((one) => (one.kind === 'range' ? [one] : []));
        for (const [index, one] of ranges.entries()) {
          expect(ranges.slice(index + 1).filter((other) => overlaps(one, other))).toEqual([]);
          const had = lines.map((was) => parseSubids(was.replace(/\r$/, ''))[0]);
          const covers = had.some(
            (was) =>
              was?.kind === 'range' && was.owner === one.owner && was.start <= one.start && lastId(was) >= lastId(one),
          );
          expect(covers).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes out no line that is sound by itself and shares ids with nobody', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = `${lines.join('\n')}\nsound:1000000:65536\n`;
        expect(repaired(text).endsWith('sound:1000000:65536\n')).toBe(true);
      }),
    );
  });

  it('judges 20,000 lines that all share ids', () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `u${index % 7}:${100_000 + index}:65536\n`).join('');
    expect(faultsOf(text).length).toBeGreaterThan(19_000);
  });
});
