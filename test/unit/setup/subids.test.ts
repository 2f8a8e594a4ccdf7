/** Ranges: no line is ever lost, no id is ever given twice. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSubids, lastId, MAX_ID, overlaps, parseSubids, rangesOf } from '../../../src/facts/subids.js';
import { IsoError } from '../../../src/lib/errors.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { createAllocator, type IdSpaces } from '../../../src/setup/plan-subids.js';

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
});
const owner = fc.constantFrom('alice', 'bob', '1000', '!bob', 'AD\\bob', 'bob@dom', 'x-y$');
const number = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: 2 ** 33 }),
  fc.constantFrom('', '-1', '007', '0x10', '1e5', ' 1'),
);
const lineText = fc.oneof(
  latin1,
  fc.tuple(owner, number, number).map((fields) => fields.join(':')),
);

describe('parseSubids', () => {
  it('gives every file back byte for byte', () => {
    fc.assert(
      fc.property(fc.array(lineText), fc.boolean(), (texts, final) => {
        const text = texts.join('\n') + (final ? '\n' : '');
        const back = formatSubids(parseSubids(text));
        expect(back).toBe(text === '' || text.endsWith('\n') ? text : `${text}\n`);
      }),
    );
  });

  it('believes only ranges that the kernel could map', () => {
    fc.assert(
      fc.property(lineText, (text) => {
        const [line] = parseSubids(`${text.replaceAll('\n', ' ')}\n`);
        if (line?.kind !== 'range') return;
        expect(line.count).toBeGreaterThan(0);
        expect(lastId(line)).toBeLessThanOrEqual(MAX_ID);
        expect(`${line.owner}:${line.start}:${line.count}`).toBe(line.text);
      }),
    );
  });

  it.each([
    ['alice:100000:65536', 'range'],
    ['', 'other'],
    ['# alice:1:2', 'other'],
    ['alice:100000', 'broken'],
    ['alice:100000:0', 'broken'],
    ['alice:100000:65536\r', 'broken'],
    ['alice:100000:65536:1', 'broken'],
    [':1:1', 'broken'],
    ['y:100000:99999999999', 'broken'],
    [`alice:${MAX_ID}:1`, 'range'],
    [`alice:${MAX_ID}:2`, 'broken'],
    [`${'a'.repeat(1020)}:1:1`, 'broken'],
    ['+', 'other'],
    ['-@group', 'other'],
  ])('%s is %s', (text, kind) => {
    expect(parseSubids(text)[0]?.kind ?? 'other').toBe(kind);
  });

  it('finds ranges by name and by uid', () => {
    const lines = parseSubids('alice:1:2\n1000:5:6\nalicia:7:8\n10:9:10\n');
    expect(rangesOf(lines, { name: 'alice', uid: 1000 })).toEqual([
      { start: 1, count: 2 },
      { start: 5, count: 6 },
    ]);
  });
});

const spaces = (uid: string, gid = uid, realIds: number[] = []): IdSpaces => ({
  uid: { file: '/etc/subuid', lines: parseSubids(uid), realIds },
  gid: { file: '/etc/subgid', lines: parseSubids(gid), realIds },
});
const policy = DEFAULT_POLICY.subids;
const loginDefs = { subUidMin: 100000, subUidMax: 600100000, subUidCount: 65536 };
const allocator = (of: IdSpaces, over: Partial<typeof policy> = {}) =>
  createAllocator(of, { policy: { ...policy, ...over }, names: new Map(), loginDefs });
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof IsoError ? error.code : 'no IsoError';
  }
};

describe('createAllocator', () => {
  it('gives the first user the first block, in both files', () => {
    const ranges = allocator(spaces(''))({ name: 'alice', uid: 1000 });
    const fresh = { start: 524288, count: 65536 };
    expect(ranges).toEqual({ uid: { present: [], fresh }, gid: { present: [], fresh } });
  });

  it('keeps a range that is large enough and fills in the other file', () => {
    const ranges = allocator(spaces('alice:100000:65536\n', ''))({ name: 'alice', uid: 1000 });
    expect(ranges.uid.fresh).toBeUndefined();
    expect(ranges.gid.fresh).toEqual({ start: 524288, count: 65536 });
  });

  it('starts both at the same id where each file has its own hole', () => {
    const ranges = allocator(spaces('x:524288:65536\n', 'y:589824:65536\n'))({ name: 'alice', uid: 1000 });
    expect([ranges.uid.fresh?.start, ranges.gid.fresh?.start]).toEqual([655360, 655360]);
  });

  it('never overlaps a line, a real id, a reserved id or another new range', () => {
    const range = fc.record({
      start: fc.integer({ min: 1, max: 3_000_000 }),
      count: fc.integer({ min: 1, max: 300_000 }),
    });
    const small = { min: 1, max: 4_000_000 };
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 12 }),
        fc.array(fc.nat(4_000_000), { maxLength: 20 }),
        (busy, realIds) => {
          const text = busy.map(({ start, count }, index) => `u${index}:${start}:${count}\n`).join('');
          const allocate = allocator(spaces(text, '', realIds), small);
          const given: { start: number; count: number }[] = [];
          for (let uid = 1000; uid < 1040; uid += 1) {
            let fresh: SubidRange | undefined;
            try {
              fresh = allocate({ name: `n${uid}`, uid }).uid.fresh;
            } catch (error) {
              expect(error).toMatchObject({ code: 'subid.exhausted' });
              break;
            }
            if (!fresh) throw new Error('no range was given');
            const one = fresh;
            expect(one.start % 65536).toBe(0);
            expect(lastId(one)).toBeLessThanOrEqual(small.max);
            expect([...busy, ...given, { start: 65534, count: 2 }].filter((other) => overlaps(one, other))).toEqual([]);
            expect(realIds.filter((id) => id >= one.start && id <= lastId(one))).toEqual([]);
            given.push(one);
          }
        },
      ),
    );
  });

  it('leaves no free block unused before it gives up', () => {
    // Blocks 8 to 27 of 64 Ki; every third is taken.
    const taken = [9, 12, 15, 18, 21, 24, 27].map((block) => `t${block}:${block * 65536}:1\n`).join('');
    const allocate = allocator(spaces(taken), { max: 28 * 65536 - 1 });
    const starts: (number | undefined)[] = [];
    for (let uid = 1; uid <= 13; uid += 1) starts.push(allocate({ name: `n${uid}`, uid }).uid.fresh?.start);
    expect(starts).toEqual([8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26].map((block) => block * 65536));
    expect(codeOf(() => allocate({ name: 'late', uid: 99 }))).toBe('subid.exhausted');
  });

  it('refuses a file with a line that cannot be believed, and names it', () => {
    expect(() => allocator(spaces('alice:1:2\nbob:x:2\n'))).toThrow(/line 2 'bob:x:2'/);
  });

  it.each([
    ['shared with a neighbour', 'alice:100000:65536\nbob:165535:10\n', []],
    ['inside another', 'bob:100000:655360\nalice:200000:65536\n', []],
    ['around a real id', 'alice:100000:65536\n', [120000]],
    ['around nobody', 'alice:60000:65536\n', []],
  ])('refuses a present range %s', (_, text, ids) => {
    expect(codeOf(() => allocator(spaces(text, '', ids))({ name: 'alice', uid: 1000 }))).toBe('subid.overlap');
  });

  it('does not mind what others share among themselves, nor two lines of one user', () => {
    const text = 'bob:100000:65536\ncarol:100000:65536\nalice:300000:65536\n1000:300000:65536\n';
    const allocate = createAllocator(spaces(text, text), { policy, names: new Map([['1000', 'alice']]), loginDefs });
    expect(allocate({ name: 'alice', uid: 1000 }).uid.fresh).toBeUndefined();
  });
});

type SubidRange = { start: number; count: number };
