import { describe, expect, it } from 'vitest';
import type { LaunchSelinux } from '../../../src/facts/selinux.js';
import { containerPair } from '../../../src/lib/selinux-context.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { decideLabelled, labelBase, labelsOf } from '../../../src/run/selinux.js';

const own = { user: 'unconfined_u', role: 'unconfined_r', type: 'unconfined_t', level: 's0-s0:c0.c1023' };
const tree = { user: 'system_u', role: 'object_r', type: 'container_file_t', level: 's0:c7,c9' };
const yes = () => true;
const base = { user: 'unconfined_u', role: 'unconfined_r', pair: [7, 9] as const };

describe('labelBase', () => {
  it("takes user and role from the process and the user's categories from the tree", () => {
    expect(labelBase({ own, tree }, yes)).toEqual(base);
  });

  it.each<[string, LaunchSelinux, RegExp]>([
    ['no MLS in the policy', { own: undefined, tree }, /no level/],
    ['a login at s0', { own: { ...own, level: 's0' }, tree }, /lacks categories/],
    ['a login with half the categories', { own: { ...own, level: 's0-s0:c0.c511' }, tree }, /lacks categories/],
    ['a tree without label', { own, tree: undefined }, /has no label/],
    ['a tree without categories', { own, tree: { ...tree, level: 's0' } }, /container_file_t:s0, without categories/],
    ['a tree of another type', { own, tree: { ...tree, type: 'user_home_t' } }, /is labelled user_home_t/],
    [
      'a tree with the categories of a container',
      { own, tree: { ...tree, level: 's0:c600,c700' } },
      /without categories/,
    ],
  ])('refuses %s', (_, facts, why) => {
    expect(labelBase(facts, yes)).toEqual({ why: expect.stringMatching(why), hint: expect.any(String) });
  });

  it('asks the loaded policy for both types', () => {
    for (const type of ['container_t', 'container_file_t']) {
      const found = labelBase({ own, tree }, (context) => !context.includes(`:${type}:`));
      expect(found).toMatchObject({ why: expect.stringContaining(type), hint: 'run `sudo iso-setup system`' });
    }
  });
});

describe('labels of a container', () => {
  it("are the user's pair below, both pairs above", () => {
    expect(labelsOf(base, containerPair(0))).toEqual({
      process: 'unconfined_u:unconfined_r:container_t:s0:c7,c9-s0:c7,c9,c512,c513',
      file: 'unconfined_u:object_r:container_file_t:s0:c7,c9,c512,c513',
      shared: 'unconfined_u:object_r:container_file_t:s0:c7,c9',
    });
  });
});

type Labelled = Parameters<typeof decideLabelled>;
const decide = (selinux: Labelled[0], driver: Labelled[1], policy: Labelled[2], unlabelled = false) =>
  decideLabelled(selinux, driver, policy, { unlabelled });

describe('a container that cannot be labelled', () => {
  const obstacle = { why: 'because', hint: 'do this' };
  const report = { ...DEFAULT_POLICY.run, selinux: 'report' as const };
  it('is refused', () => {
    expect(() => decide(obstacle, 'overlay', DEFAULT_POLICY.run)).toThrow(
      expect.objectContaining({ code: 'selinux.unlabelled', why: 'because' }),
    );
    expect(() => decide(base, 'fuse-overlayfs', DEFAULT_POLICY.run)).toThrow(/one label for everybody/);
  });
  it('runs with a warning where the policy says so', () => {
    const warning = "the container keeps the login's SELinux label: because";
    expect(decide(obstacle, 'overlay', report)).toEqual({ labelled: false, warning });
    expect(decide(base, 'fuse-overlayfs', report)).toMatchObject({ labelled: false });
  });
  it('is one too that asks for it', () => {
    expect(() => decide(base, 'overlay', DEFAULT_POLICY.run, true)).toThrow(/label=disable/);
    expect(decide(base, 'overlay', report, true)).toMatchObject({ labelled: false, warning: expect.any(String) });
    expect(decide(undefined, 'overlay', DEFAULT_POLICY.run, true)).toEqual({ labelled: false });
  });
  it('is no matter without SELinux', () => {
    expect(decide(undefined, 'fuse-overlayfs', DEFAULT_POLICY.run)).toEqual({ labelled: false });
    expect(decide(base, 'overlay', DEFAULT_POLICY.run)).toEqual({ labelled: true });
  });
});
