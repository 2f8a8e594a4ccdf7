import { describe, expect, it } from 'vitest';
import { parseModuleList } from '../../../src/facts/selinux-modules.js';
import { PAIRS } from '../../../src/lib/selinux-context.js';
import { createCategoryAllocator, planHomeContexts, planPolicyModules } from '../../../src/setup/plan-selinux.js';
import { parseUserState } from '../../../src/setup/state.js';

const digest = (letter: string) => letter.repeat(64);

describe('modules of the policy', () => {
  it('are read from semodule, whatever else is there', () => {
    const text = `100 container        pp           sha256:${digest('a')} \n050 container        cil          sha256:${digest('b')} \n200 iso_toolkit      cil disabled sha256:${digest('c')}\nnoise\n`;
    expect([...parseModuleList(text)]).toEqual([
      ['100 container', digest('a')],
      ['50 container', digest('b')],
      ['200 iso_toolkit', digest('c')],
    ]);
  });

  const module = { name: 'iso_toolkit', priority: 200, file: '/m/iso_toolkit.cil', digest: digest('a') };
  it.each([
    [undefined, 'todo', 'absent'],
    [digest('b'), 'todo', 'older'],
    [digest('a'), 'unchanged', 'iso_toolkit (priority 200)'],
  ])('present as %s: %s', (present, state, current) => {
    const planned = planPolicyModules({ modules: [{ ...module, present }] });
    expect(planned).toMatchObject({ state, current });
    if (state === 'todo') {
      const args = { modules: [{ file: '/m/iso_toolkit.cil', priority: 200 }] };
      expect(planned.step).toEqual({ kind: 'selinux.install', args });
    }
  });

  it('cannot go where no policy is', () => {
    expect(planPolicyModules({ why: 'none' })).toMatchObject({ state: 'unavailable', reason: 'none' });
  });
});

describe('contexts of a tree', () => {
  const tree = '/srv/users/carl/.local/share/containers';
  it.each([
    [undefined, true, []],
    ['container_file_t', true, ['unchanged']],
    ['var_t', true, ['todo']],
    ['var_t', false, ['unavailable']],
  ] as const)('of type %s, of a user who can log in: %s', (type, canLogIn, states) => {
    const items = planHomeContexts(tree, type, canLogIn);
    expect(items.map(({ state }) => state)).toEqual(states);
    for (const { step } of items) if (step) expect(step).toEqual({ kind: 'selinux.homes', args: { tree } });
  });
});

describe('categories of users', () => {
  it('are kept, and new ones are free', () => {
    const allocate = createCategoryAllocator(
      new Map([
        [1000, 5],
        [1001, 1002],
      ]),
    );
    expect([1000, 1001, 1002, 1003, 1002].map(allocate)).toEqual([5, 1002, 1003, 1004, 1003]);
  });

  it('are unique for uids that are far apart, and where records clash', () => {
    const uids = [7, 7 + PAIRS, 7 + 2 * PAIRS, 4294967293];
    const allocate = createCategoryAllocator(new Map(uids.map((uid) => [uid, 7])));
    const given = uids.map(allocate);
    expect(new Set(given).size).toBe(uids.length);
    expect(given[0]).toBe(7);
    expect(Math.max(...given)).toBeLessThan(PAIRS);
  });

  it('run out with an error', () => {
    const allocate = createCategoryAllocator(new Map(Array.from({ length: PAIRS }, (_, one) => [one, one])));
    expect(() => allocate(PAIRS)).toThrow(expect.objectContaining({ code: 'selinux.exhausted' }));
  });

  it.each([-1, PAIRS, 1.5, '7', null])('a recorded %j is none', (categories) => {
    const text = JSON.stringify({ schema: 1, uid: 1000, name: 'a', files: {}, categories });
    expect(parseUserState(text)?.categories).toBeUndefined();
  });
});
