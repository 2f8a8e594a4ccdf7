import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  categoriesOf,
  containerPair,
  formatLevel,
  PAIRS,
  parseContext,
  userPair,
  userPairOf,
} from '../../../src/lib/selinux-context.js';

const index = fc.integer({ min: 0, max: PAIRS - 1 });

describe('category pairs', () => {
  it('are all different, and all there are', () => {
    const pairs = new Set(Array.from({ length: PAIRS }, (_, one) => userPair(one).join()));
    expect(pairs.size).toBe(PAIRS);
    expect([userPair(0), userPair(PAIRS - 1)]).toEqual([
      [0, 1],
      [510, 511],
    ]);
    expect([containerPair(0), containerPair(PAIRS - 1)]).toEqual([
      [512, 513],
      [1022, 1023],
    ]);
  });

  it("of one container never dominate another's, nor another user's", () => {
    const label = fc.tuple(index, index);
    fc.assert(
      fc.property(label, label, ([user, own], [otherUser, other]) => {
        fc.pre(user !== otherUser || own !== other);
        const have = new Set([...userPair(user), ...containerPair(own)]);
        expect([...userPair(otherUser), ...containerPair(other)].every((one) => have.has(one))).toBe(false);
        expect(userPair(otherUser).every((one) => have.has(one))).toBe(user === otherUser);
      }),
    );
  });
});

describe('levels', () => {
  it.each([
    ['s0', []],
    ['s0:c1,c2', [1, 2]],
    ['s0-s0:c0.c3,c9', [0, 1, 2, 3, 9]],
    ['s0:c1-s0:c1,c700', [1, 700]],
  ])('%s has the categories %j', (level, categories) => {
    expect([...categoriesOf(level)]).toEqual(categories);
  });

  it('are written as the kernel writes them', () => {
    expect(formatLevel([])).toBe('s0');
    expect(formatLevel([700, 1])).toBe('s0:c1,c700');
    expect(formatLevel([510, 511])).toBe('s0:c510,c511');
    expect(formatLevel([513, 512, 511, 510])).toBe('s0:c510.c513');
    expect(formatLevel([1, 3, 4, 5, 9, 10])).toBe('s0:c1,c3.c5,c9,c10');
  });

  it('read back as they were written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 1023 }), { maxLength: 40 }), (categories) => {
        expect([...categoriesOf(formatLevel(categories))]).toEqual(categories.sort((a, b) => a - b));
      }),
    );
  });

  it("carry a user's pair, or they do not", () => {
    expect(userPairOf('s0:c2,c1')).toEqual([1, 2]);
    for (const level of ['s0', 's0:c1', 's0:c1,c512', 's0:c1,c2,c3', 's0-s0:c0.c1023']) {
      expect([level, userPairOf(level)]).toEqual([level, undefined]);
    }
  });
});

describe('contexts', () => {
  it.each(['', 'unconfined', 'a:b:c', 'a:b:c:d e', 'a:b:c:s0"x', '\0'])('%j is none', (text) => {
    expect(parseContext(text)).toBeUndefined();
  });
  it('have four parts, the last of which may hold colons', () => {
    expect(parseContext('unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023')).toEqual({
      user: 'unconfined_u',
      role: 'unconfined_r',
      type: 'unconfined_t',
      level: 's0-s0:c0.c1023',
    });
  });
});
