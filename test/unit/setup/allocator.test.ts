/** The allocator among everything that a range may not hold: whatever stands in the files, no id is given twice. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESERVED } from '../../../src/facts/reserved-ids.js';
import {
  formatSubids,
  lastId,
  overlaps,
  ownerText,
  parseSubids,
  rangeLine,
  rangesOf,
  shownText,
} from '../../../src/facts/subids.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { createAllocator, type IdSpaces, spellings } from '../../../src/setup/plan-subids.js';
import { idsInside } from '../../../src/setup/taken-ids.js';

const loginDefs = { subUidMin: 100000, subUidMax: 600100000, subUidCount: 65536 };
const account = (name: string, uid: number) => ({ name, uid, gid: uid, home: `/home/${name}`, shell: '/bin/sh' });

function allocator(uid: string, gid: string, over: Partial<typeof DEFAULT_POLICY.subids> = {}, realIds: number[] = []) {
  const spaces: IdSpaces = {
    uid: { file: '/etc/subuid', lines: parseSubids(uid), realIds },
    gid: { file: '/etc/subgid', lines: parseSubids(gid), realIds },
  };
  return createAllocator(spaces, { policy: { ...DEFAULT_POLICY.subids, ...over }, names: new Map(), loginDefs });
}

describe('names as the files hold them', () => {
  it('come back as they were, and never make a second line or field', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((one) => !/[\0-\x20\x7f:,/]/.test(one));
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 1_000_000 }), (owner, start) => {
        fc.pre(Buffer.from(owner, 'utf8').toString('utf8') === owner && !/^[-+#!]/.test(owner));
        const text = formatSubids([rangeLine(owner, { start, count: 10 })]);
        const bytes = Buffer.from(text, 'latin1');
        expect(bytes.toString('utf8')).toBe(`${owner}:${start}:10\n`);
        expect(rangesOf(parseSubids(bytes.toString('latin1')), { name: owner, uid: 0 })).toEqual([
          { start, count: 10 },
        ]);
        expect(shownText(ownerText(owner))).toBe(owner);
      }),
    );
  });

  it.each(['jörg', 'Ċroot', 'ĺ0ĺ1'])('such as %s are written as UTF-8', (name) => {
    const bytes = Buffer.from(formatSubids([rangeLine(name, { start: 1, count: 2 })]), 'latin1');
    expect(bytes.toString('utf8')).toBe(`${name}:1:2\n`);
  });
});

describe('the allocator', () => {
  const range = fc.record({
    start: fc.integer({ min: 1, max: 3_000_000 }),
    count: fc.integer({ min: 1, max: 200_000 }),
  });
  const file = fc
    .array(fc.tuple(range, fc.constantFrom('old', 'gone', '1000', '# x', '+nis', '!bob')), { maxLength: 12 })
    .map((lines) => lines.map(([{ start, count }, owner]) => `${owner}:${start}:${count}\n`).join(''));

  it('gives 30 users ranges that share no id with any line, account, reserved id or each other, in either file', () => {
    fc.assert(
      fc.property(
        file,
        file,
        fc.array(fc.nat(4_000_000)),
        fc.integer({ min: 1, max: 70_000 }),
        (uid, gid, ids, count) => {
          const allocate = allocator(uid, gid, { min: 1, max: 4_000_000, count }, ids);
          const given: Record<'uid' | 'gid', { start: number; count: number }[]> = { uid: [], gid: [] };
          for (let index = 0; index < 30; index += 1) {
            const user = { name: `n${index}`, uid: 524_288 + index * 30_000 };
            let ranges: ReturnType<typeof allocate>;
            try {
              ranges = allocate(user);
            } catch (error) {
              expect(error).toMatchObject({ code: 'subid.exhausted' });
              return;
            }
            for (const kind of ['uid', 'gid'] as const) {
              const { fresh } = ranges[kind];
              if (!fresh) throw new Error('no range was given');
              const lines = parseSubids(kind === 'uid' ? uid : gid).flatMap((line) =>
                line.kind === 'range' ? [line] : [],
              );
              const forbidden = [...lines, ...RESERVED, ...given[kind], { start: user.uid, count: 1 }];
              expect(forbidden.filter((one) => overlaps(one, fresh))).toEqual([]);
              expect(idsInside(ids, [fresh])).toEqual([]);
              expect([fresh.start % 65536, fresh.start >= 65536, lastId(fresh) <= 4_000_000]).toEqual([0, true, true]);
              given[kind].push(fresh);
            }
            expect(ranges.uid.fresh).toEqual(ranges.gid.fresh);
          }
        },
      ),
    );
  });

  it('gives what it gave before, when its lines are written: a second run has nothing to add', () => {
    fc.assert(
      fc.property(file, file, (uid, gid) => {
        const users = Array.from({ length: 5 }, (_, index) => ({ name: `n${index}`, uid: 2000 + index }));
        const first = allocator(uid, gid);
        const lines = users.map((user) => ({ user, ranges: first(user) }));
        const write = (kind: 'uid' | 'gid', text: string) =>
          text + lines.map(({ user, ranges }) => `${user.name}:${ranges[kind].fresh?.start}:65536\n`).join('');
        const second = allocator(write('uid', uid), write('gid', gid));
        for (const { user, ranges } of lines) {
          const again = second(user);
          for (const kind of ['uid', 'gid'] as const) {
            expect(again[kind]).toEqual({ present: [ranges[kind].fresh], fresh: undefined });
          }
        }
      }),
    );
  });

  it('leaves out the block that holds the own uid of a user of a directory', () => {
    const allocate = allocator('', '');
    expect(allocate({ name: 'ldap', uid: 530_000 }).uid.fresh?.start).toBe(589_824);
    expect(allocate({ name: 'next', uid: 1000 }).uid.fresh?.start).toBe(655_360);
  });

  it('refuses a present range that holds the own uid', () => {
    const allocate = allocator('ldap:524288:131072\n', '');
    expect(() => allocate({ name: 'ldap', uid: 600_000 })).toThrow(/holds 600000, the id of an account/);
  });

  it('never goes beyond 2^31, nor into ids of systemd, whatever the policy says', () => {
    const allocate = allocator('', '', { min: 2_147_287_040, max: 4_294_967_293 });
    expect(allocate({ name: 'a', uid: 1000 }).uid.fresh?.start).toBe(2_147_287_040);
    // 2147352576 is systemd's; the block after it is the last.
    expect(allocate({ name: 'b', uid: 1001 }).uid.fresh?.start).toBe(2_147_418_112);
    expect(() => allocate({ name: 'c', uid: 1002 })).toThrow(/no aligned block is left/);
  });

  it('names the keys that help when nothing is left: ours, and those of login.defs that bind useradd(8)', () => {
    const allocate = allocator('x:524288:65536\n', '', { max: 589_823 });
    let told = '';
    try {
      allocate({ name: 'a', uid: 1000 });
    } catch (error) {
      const { why, hint } = error as { why: string; hint: string };
      told = `${why}; ${hint}`;
    }
    for (const word of [
      'subids.min 524288',
      'subids.max 589823',
      'hold 1 ranges of subids.count 65536',
      '2147483647',
    ]) {
      expect(told).toContain(word);
    }
    expect(told).toContain('SUB_UID_MAX 600100000');
    expect(told).toContain('hold 9155 users');
  });

  it('knows that lines of a uid, of its name and of a further name are one owner’s', () => {
    const names = spellings([account('bob', 1000), account('toor', 1000), account('carol', 1001)]);
    expect(Object.fromEntries(names)).toEqual({ '1000': 'bob', toor: 'bob', '1001': 'carol' });
  });

  describe('and ranges whose line is gone', () => {
    const gone = (owner: string | undefined, uid: number | undefined) => ({
      start: 524288,
      count: 65536,
      ...(owner === undefined ? {} : { owner }),
      uid,
    });
    const among = (retired: ReturnType<typeof gone>[], uid = '', gid = '') =>
      createAllocator(
        {
          uid: { file: '/etc/subuid', lines: parseSubids(uid), realIds: [], retired },
          gid: { file: '/etc/subgid', lines: parseSubids(gid), realIds: [], retired },
        },
        { policy: DEFAULT_POLICY.subids, names: new Map(), loginDefs },
      );
    const startOf = (allocate: ReturnType<typeof among>, name: string, uid: number) =>
      allocate({ name, uid }).uid.fresh?.start;

    it('gives them to nobody else, not even to the next of that name or that uid', () => {
      const allocate = among([gone('dave', 1004)]);
      expect(startOf(allocate, 'erin', 1005)).toBe(589_824);
      expect(startOf(allocate, 'dave', 1010)).toBe(655_360);
      expect(startOf(allocate, 'fay', 1004)).toBe(720_896);
      expect(startOf(among([gone(undefined, undefined)]), 'dave', 1004)).toBe(589_824);
    });

    it('gives them back to the same user, whoever asks before, when nobody has them meanwhile', () => {
      const allocate = among([gone('dave', 1004)]);
      expect(startOf(allocate, 'erin', 1005)).toBe(589_824);
      expect(startOf(allocate, 'dave', 1004)).toBe(524_288);
      expect(startOf(allocate, 'fay', 1006)).toBe(655_360);
      expect(startOf(among([gone('dave', 1004)], 'x:589823:1\n'), 'dave', 1004)).toBe(589_824);
      expect(startOf(among([gone('dave', 1004)], '', 'x:500000:100000\n'), 'dave', 1004)).toBe(655_360);
    });
  });
});
