/** Quota projects, changes of limits, thresholds: decided from facts alone. */
import { describe, expect, it } from 'vitest';
import { claimsOf, indexLines, splitLines } from '../../../src/facts/project-lines.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { chooseProject, findStale, linesOf, projectCandidates } from '../../../src/setup/plan-project.js';
import { findCrossing, percentUsed, severityOf } from '../../../src/setup/plan-sample.js';
import {
  parseQuotaInodes,
  parseQuotaSize,
  planQuotaChange,
  planQuotaCheck,
  type QuotaTarget,
} from '../../../src/setup/plan-set-quota.js';
import { declaredFor, formatQuotas, parseQuotas } from '../../../src/setup/quota-state.js';

const ID = 0x40000000 + 1000;
const SECOND = 0x60000000 + 1000;
const alice = { name: 'alice', uid: 1000, tree: '/home/alice/.local/share/containers' };
const mine = linesOf(alice, ID);

interface Register {
  projid?: string[];
  projects?: string[];
  ours?: { projid?: string[]; projects?: string[] };
}

const index = ({ projid = [], projects = [] }: Pick<Register, 'projid' | 'projects'> = {}) =>
  indexLines({ projid, projects });
const choose = (register: Register, use: { top?: number; files?: Record<number, number> } = {}) =>
  chooseProject(
    alice,
    {
      etc: index(register),
      ours: index(register.ours),
    },
    { top: use.top ?? 0, filesOf: (id) => use.files?.[id] ?? 0 },
  );
const taken = (id: number, recorded = false) => ({ why: undefined, id, recorded });

describe('the project of a user', () => {
  it('is derived from the uid, above the ids of other tools and below those of systemd', () => {
    expect(projectCandidates(1000)).toEqual([0x400003e8, 0x600003e8]);
    expect(projectCandidates(0x3fffffff)).toEqual([0x7fffffff]);
    expect(projectCandidates(0x40000000)).toEqual([]);
  });

  it.each<[string, Register, Parameters<typeof choose>[1], ReturnType<typeof choose>]>([
    ['nobody uses the id', {}, {}, taken(ID)],
    ['other lines are of other ids', { projid: ['# x', 'db:42', ''], projects: ['42:/srv/db'] }, {}, taken(ID)],
    [
      'it is recorded',
      { projid: [mine.projid], projects: [mine.projects], ours: { projid: [mine.projid], projects: [mine.projects] } },
      { files: { [ID]: 9 } },
      taken(ID, true),
    ],
    [
      'our line was lost from /etc',
      { ours: { projid: [mine.projid], projects: [mine.projects] } },
      { files: { [ID]: 9 } },
      taken(ID),
    ],
    ['the tree is in it already, and our notes are lost', {}, { top: ID, files: { [ID]: 9 } }, taken(ID)],
    ['somebody gave files away to it', {}, { files: { [ID]: 1 } }, taken(SECOND)],
    ['another tool named the id', { projid: [`db:${ID}`] }, {}, taken(SECOND)],
    ['another tool gave the id a directory', { projects: [`${ID}:/srv/db`] }, {}, taken(SECOND)],
    [
      'an older name of the uid had it',
      { projid: [`iso-old:${ID}`], ours: { projid: [`iso-old:${ID}`] } },
      {},
      taken(ID),
    ],
  ])('%s', (_, register, use, expected) => {
    expect(choose(register, use)).toEqual(expected);
  });

  it('is refused when the directory or both ids are taken, and says by whom', () => {
    const other = `77:${alice.tree}`;
    expect(choose({ projects: [other] })).toEqual({
      why: expect.stringContaining(`/etc/projects has the line ${other}`),
    });
    expect(choose({}, { files: { [ID]: 3, [SECOND]: 4 } })).toEqual({
      why: `3 files that are not in the tree are charged to project ${ID} already; 4 files that are not in the tree are charged to project ${SECOND} already`,
    });
  });

  it.each(['/srv/a:b/tree', '/srv/a\nb/tree'])('is refused for %j, which projects(5) cannot hold', (tree) => {
    const empty = index();
    const use = { top: 0, filesOf: () => 0 };
    expect(chooseProject({ ...alice, tree }, { etc: empty, ours: empty }, use).why).toMatch(/cannot stand/);
  });
});

describe('lines of projid(5) and projects(5)', () => {
  it('claim what they say, and comments nothing', () => {
    const text = '# name:1\nalice:1073742824\nbroken\n:5\nx:notanumber\n';
    expect(claimsOf('projid', splitLines(text))).toEqual([{ id: ID, holder: 'alice', text: 'alice:1073742824' }]);
    expect(claimsOf('projects', ['1:/srv', '#2:/x', '3'])).toEqual([{ id: 1, holder: '/srv', text: '1:/srv' }]);
  });

  it('of ours give way to a new name or a new home, those of others never', () => {
    const ours = { projid: [`iso-old:${ID}`], projects: [`${ID}:/old`] };
    const register = { etc: index({ projid: [...ours.projid, `db:${ID}`] }), ours: index(ours) };
    const stale = findStale(register, mine);
    expect([new Set(stale.projid), new Set(stale.projects)]).toEqual([new Set(ours.projid), new Set(ours.projects)]);
  });

  it('of another user keep the id, where it can be the second choice of one and the first of another', () => {
    const far = { name: 'far', uid: 0x20000000 + 1000, tree: '/home/far/.local/share/containers' };
    const second = linesOf(alice, SECOND);
    const recorded = index({ projid: [second.projid], projects: [second.projects] });
    const use = { top: 0, filesOf: () => 0 };
    expect(chooseProject(far, { etc: recorded, ours: recorded }, use).why).toMatch(/has the line iso-alice:/);
  });
});

const GIB = 2 ** 30;
const target: QuotaTarget = {
  root: '/',
  name: 'alice',
  uid: 1000,
  home: '/home/alice',
  project: ID,
  quota: {
    softBytes: 10 * GIB,
    hardBytes: 10.5 * GIB,
    softInodes: 1_000_000,
    hardInodes: 1_050_000,
    usedBytes: 4 * GIB,
    usedInodes: 900,
  },
  declared: undefined,
  uids: [],
};
const walked = {
  counted: 900,
  changed: 0,
  uncounted: 0,
  uncountedBytes: 0,
  special: 0,
  foreign: 0,
  mounts: 0,
  deep: 0,
  failed: 0,
  error: undefined,
  example: '',
};
const policy = DEFAULT_POLICY.quota;

describe('iso-setup quota --set', () => {
  it.each([
    ['12G', '12G'],
    ['12GiB', '12G'],
    ['1.5 t', '1.5t'],
    ['default', 'default'],
  ])('takes %j', (text, size) => expect(parseQuotaSize(text)).toBe(size));

  it.each(['', 'x', '12X', '-1G', '0', '1023', '1e9', '99999999T', '12G\n13G'])('refuses %j with the form', (text) => {
    expect(() => parseQuotaSize(text)).toThrow(
      expect.objectContaining({ code: 'usage.invalid', hint: expect.stringContaining('12G') }),
    );
  });

  it.each(['', '0', '99', '1e6', '-5', '99999999999'])('--inodes refuses %j', (text) => {
    expect(() => parseQuotaInodes(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });

  it('says what was and what shall be, and is remembered', () => {
    const items = planQuotaChange(target, policy, { size: '12G' }, false);
    expect(items.map(({ current, desired, state }) => [current, desired, state])).toEqual([
      ['as the policy says', '12G', 'todo'],
      ['10.0 GiB (hard 10.5 GiB), 1000000 files', '12.0 GiB (hard 12.5 GiB), 1000000 files', 'todo'],
    ]);
    expect(items[0]?.step).toEqual({
      kind: 'quota.declare',
      args: { root: '/', uid: 1000, declared: { name: 'alice', size: '12G' } },
    });
  });

  it('to what it is changes nothing, and says why', () => {
    const items = planQuotaChange(
      { ...target, declared: { name: 'alice', size: '10G' } },
      policy,
      { size: '10G' },
      false,
    );
    expect(items.map(({ state, reason }) => [state, reason])).toEqual([
      ['unchanged', 'already 10G'],
      ['unchanged', 'already limited, as `iso-setup quota --set` declared, 4.0 GiB used'],
    ]);
  });

  it('default gives the policy back, and keeps the other declaration', () => {
    const declared = { name: 'alice', size: '20G', inodes: 5000 };
    const [first] = planQuotaChange({ ...target, declared }, policy, { size: 'default' }, false);
    expect(first).toMatchObject({ current: '20G, 5000 files', desired: '5000 files' });
  });

  it('below what is used is refused, unless forced', () => {
    expect(() => planQuotaChange(target, policy, { size: '3G' }, false)).toThrow(
      expect.objectContaining({ code: 'quota.below-use', why: '4.0 GiB are used, more than 3.0 GiB' }),
    );
    expect(() => planQuotaChange(target, policy, { inodes: 100 }, false)).toThrow(
      expect.objectContaining({ code: 'quota.below-use', why: '900 files are there, more than 100' }),
    );
    expect(planQuotaChange(target, policy, { size: '3G' }, true).map(({ state }) => state)).toEqual(['todo', 'todo']);
  });

  it('survives its file, and a uid that somebody else has now keeps nothing', () => {
    const quotas = parseQuotas(formatQuotas({ '1000': { name: 'alice', size: '12G' } }));
    expect(declaredFor(quotas, alice)).toEqual({ name: 'alice', size: '12G' });
    expect(declaredFor(quotas, { ...alice, name: 'bob' })).toBeUndefined();
    expect(parseQuotas('{"schema":1,"users":{"1000":{"name":"alice","size":"; rm"}}}')).toEqual({
      '1000': { name: 'alice' },
    });
    expect([parseQuotas('torn{'), parseQuotas(undefined), parseQuotas('[]')]).toEqual([{}, {}, {}]);
  });
});

describe('iso-setup quota --check', () => {
  it('finds nothing where all is counted', () => {
    const items = planQuotaCheck(target, policy, walked, false);
    expect(items.map(({ state }) => state)).toEqual(['unchanged', 'unchanged']);
  });

  it('names what its owner took out of the project, how much that is, and the fix', () => {
    const found = { ...walked, uncounted: 2, uncountedBytes: 3 * GIB, example: 'storage/hidden' };
    expect(planQuotaCheck(target, policy, found, false)[1]).toMatchObject({
      state: 'drift',
      reason: '2 files (3.0 GiB) not counted, first storage/hidden; `iso-setup quota alice --repair` counts them again',
    });
    expect(planQuotaCheck(target, policy, found, true)[1]?.step?.kind).toBe('project.tag');
  });

  it('tells of files that are charged and lie elsewhere', () => {
    const [, files] = planQuotaCheck(target, policy, { ...walked, counted: 880, special: 15 }, false);
    expect(files).toMatchObject({ state: 'unchanged', reason: expect.stringMatching(/\b5 more are charged to it/) });
  });
});

describe('thresholds', () => {
  const thresholds = [80, 90, 95];
  const steps = (percents: number[]) => {
    let last = 0;
    return percents.flatMap((percent) => {
      const crossing = findCrossing(percent, thresholds, last);
      last = crossing?.level ?? last;
      return crossing ? [`${percent}: ${crossing.direction} ${crossing.level}`] : [];
    });
  };

  it('are told once each, and the fall as well', () => {
    expect(steps([10, 79, 80, 85, 91, 91, 99, 104, 97, 60, 60])).toEqual([
      '80: up 80',
      '91: up 90',
      '99: up 95',
      '60: down 0',
    ]);
  });

  it('do not flap when the use swings around them', () => {
    expect(steps([80, 79, 80, 79, 80, 78])).toEqual(['80: up 80', '78: down 0']);
  });

  it('are graver the higher they are', () => {
    expect([80, 90, 95].map((level) => severityOf(level, thresholds))).toEqual(['notice', 'warning', 'error']);
    expect(findCrossing(99, [], 80)).toEqual({ level: 0, direction: 'down' });
  });

  it('count the nearer of the two limits, and none as none', () => {
    expect(percentUsed(target.quota)).toBe(40);
    expect(percentUsed({ ...target.quota, usedInodes: 1_020_000 })).toBe(102);
    expect(percentUsed({ ...target.quota, softBytes: 0, softInodes: 0 })).toBe(0);
  });
});
