/** What `--repair` would do: whom it moves, whom it refuses to move, and what nobody gets afterwards. */
import { describe, expect, it } from 'vitest';
import type { IdUse } from '../../../src/facts/id-use.js';
import { mappedRanges } from '../../../src/facts/id-use.js';
import { findRangeFaults } from '../../../src/facts/range-faults.js';
import { parseSubids } from '../../../src/facts/subids.js';
import { IsoError } from '../../../src/lib/errors.js';
import { movedOwners, planRepair, type RepairFacts, requireUnused } from '../../../src/setup/plan-repair.js';

const owners = new Map([
  ['alice', { name: 'alice', uid: 1000 }],
  ['bob', { name: 'bob', uid: 1001 }],
]);
const names = new Map([
  ['1000', 'alice'],
  ['1001', 'bob'],
]);
const ownerOf = (owner: string) => names.get(owner) ?? owner;

function factsOf(text: string, ids: number[] = []): RepairFacts {
  const lines = parseSubids(text);
  const faults = findRangeFaults({ lines, realIds: ids, isComplete: true }, ownerOf);
  return {
    lines: { uid: lines, gid: [] },
    faults: { uid: faults, gid: [] },
    owners,
    ownerOf,
    realIds: { uid: ids, gid: ids },
    count: 65536,
  };
}

const movedIn = (text: string, ids: number[] = []) => movedOwners(factsOf(text, ids)).map(({ name }) => name);

describe('movedOwners', () => {
  it.each([
    ['whose range is an earlier one’s', 'alice:524288:65536\nbob:524288:65536\n', ['bob']],
    ['named by uid', 'alice:524288:65536\n1001:524288:65536\n', ['bob']],
    ['nobody who keeps another that is large enough', 'alice:524288:65536\nbob:524288:65536\nbob:900000:65536\n', []],
    ['nobody for a repetition', 'alice:524288:65536\nalice:524288:65536\n', []],
    ['nobody who is no account', 'alice:524288:65536\ngone:524288:65536\n', []],
    ['nobody for a line that never gave ids', 'bob:524288:0\n', []],
  ])('are those %s', (_, text, moved) => {
    expect(movedIn(text)).toEqual(moved);
  });

  it('are those whose range holds the id of an account', () => {
    expect(movedIn('alice:524288:65536\n', [524300])).toEqual(['alice']);
  });
});

const use = (over: Partial<IdUse>): IdUse => ({ pid: 42, command: 'podman', owner: 1001, uids: [], gids: [], ...over });
const shared = 'alice:524288:65536\nbob:524288:65536\n';
const refusal = (text: string, uses: IdUse[], ids: number[] = []) => {
  try {
    requireUnused(factsOf(text, ids), uses);
    return undefined;
  } catch (error) {
    if (!(error instanceof IsoError)) throw error;
    return `${error.code}: ${error.why}`;
  }
};

describe('requireUnused', () => {
  it('refuses to take out what a container of its owner uses, and says which', () => {
    const told = refusal(shared, [use({ uids: [{ start: 524288, count: 1000 }] })]);
    expect(told).toMatch(/^container\.running: process 42 \(podman\) uses ids of line 2 'bob:524288:65536'/);
  });

  it.each([
    ['the one who keeps the range', shared, use({ owner: 1000, uids: [{ start: 524288, count: 65536 }] })],
    ['nobody', shared, use({ uids: [{ start: 1, count: 65536 }] })],
    [
      'the owner, who keeps these ids by another line',
      'bob:524288:65536\nbob:524300:100\n',
      use({ uids: [{ start: 524288, count: 65536 }] }),
    ],
  ])('lets go what is used by %s', (_, text, one) => {
    expect(refusal(text, [one])).toBeUndefined();
  });

  it('counts processes that run with such an id on the host, but no ordinary account’s', () => {
    const one = use({ owner: undefined, uids: [{ start: 524300, count: 1 }] });
    expect(refusal(shared, [one])).toMatch(/uses ids of line 2/);
    expect(refusal('alice:524288:65536\n', [one], [524300])).toBeUndefined();
  });

  it('counts namespaces inside a container, whose maker has a subordinate id', () => {
    const one = use({ owner: 524289, uids: [{ start: 525000, count: 10 }] });
    expect(refusal(shared, [one])).toMatch(/uses ids of line 2/);
  });
});

describe('planRepair', () => {
  it('shows each line, its end and the reason, then the new ranges', () => {
    const facts = factsOf('alice:524288:65536\r\nbob:524288:65536\nx:1\n');
    const [owner] = movedOwners(facts);
    if (!owner) throw new Error('bob is not moved');
    const ranges = { present: [], fresh: { start: 655360, count: 65536 } };
    const items = planRepair(facts.faults, [
      { owner, ranges: { uid: ranges, gid: { present: [], fresh: undefined } } },
    ]);
    expect(
      items.map(({ subject, current, desired, state }) => `${subject} ${state}: ${current} -> ${desired}`),
    ).toEqual([
      '/etc/subuid:1 todo: alice:524288:65536\r -> alice:524288:65536',
      '/etc/subuid:2 todo: bob:524288:65536 -> taken out, kept in /var/lib/iso/removed-lines.json',
      '/etc/subuid:3 todo: x:1 -> taken out, kept in /var/lib/iso/removed-lines.json',
      '/etc/subuid todo: none -> bob:655360:65536',
    ]);
    expect(items.every(({ reason }) => reason !== '')).toBe(true);
  });

  it('says that sound files have no fault', () => {
    expect(planRepair({ uid: [], gid: [] }, []).map(({ state, reason }) => [state, reason])).toEqual([
      ['unchanged', 'no line is broken, comes twice or shares ids with another'],
    ]);
  });
});

describe('mappedRanges', () => {
  it('reads the maps of /proc', () => {
    expect(mappedRanges('         0          0 4294967295\n')).toEqual([]);
    expect(mappedRanges('         0       1000          1\n         1     524288      65536\n')).toEqual([
      { start: 1000, count: 1 },
      { start: 524288, count: 65536 },
    ]);
    expect(mappedRanges('')).toEqual([]);
  });
});
