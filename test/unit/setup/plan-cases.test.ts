/** Users' plans on cases that are data: what is there, and what iso-setup would do about it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, type Policy } from '../../../src/policy/policy.js';
import { CONFIG, DIRECTORIES, FILES, OBSERVED } from '../../../src/setup/desired-user.js';
import { digestOf } from '../../../src/setup/plan-files.js';
import { planUser, type UserFacts } from '../../../src/setup/plan-user.js';
import type { Item } from '../../../src/setup/step.js';
import type { HomeOutcome } from '../../../src/sys/home.js';

const cases = join(import.meta.dirname, '../../fixtures/setup/cases');

/** What a case says; everything else is as on a host where the user was provisioned before. */
interface Case {
  facts: Partial<Omit<UserFacts, 'entries' | 'state'>>;
  /** Over the entries of a provisioned home; null is absent. `*` stands for all directories and files. */
  entries: Record<string, Partial<HomeOutcome> | null>;
  /** Contents that were deployed before, by path; null for a user without state. */
  deployed?: Record<string, string[]> | null;
  policy?: { quota?: Partial<Policy['quota']>; linger?: Policy['linger'] };
  /** Items that are not `unchanged`: `phase kind subject: state; current -> desired; reason`. */
  items?: string[];
  /** Reasons of unchanged items by `phase kind subject`. */
  unchanged?: Record<string, string>;
  error?: { code: string; why: string };
}

const entry = (over: Partial<HomeOutcome>): HomeOutcome => ({
  error: undefined,
  component: 0,
  type: 'd',
  mode: 0o700,
  uid: 1000,
  gid: 1000,
  links: 1,
  size: 0,
  project: 0,
  label: '',
  content: '',
  device: 1,
  ...over,
});
const absent = entry({ error: 'ENOENT', component: 1, type: '?', mode: 0, uid: 0, gid: 0 });
const isFile = (path: string) => FILES.some((file) => file.path === path);
const provisioned = (path: string) =>
  isFile(path) ? entry({ type: '-', mode: 0o600, content: `rendered ${path}` }) : entry({ links: 2 });

function entriesOf({ entries }: Case): Map<string, HomeOutcome> {
  const home = new Map(OBSERVED.map((path) => [path, provisioned(path)]));
  for (const [path, over] of Object.entries(entries)) {
    const paths = path === '*' ? [...DIRECTORIES, ...FILES.map((file) => file.path)] : [path.replace('CONFIG', CONFIG)];
    for (const one of paths) home.set(one, over === null ? absent : { ...provisioned(one), ...over });
  }
  return home;
}

function factsOf(one: Case): UserFacts {
  const files = FILES.map(({ path }) => ({ path, content: `rendered ${path}` }));
  const deployed = Object.fromEntries(files.map(({ path, content }) => [path, [digestOf(content)]]));
  for (const [path, contents] of Object.entries(one.deployed ?? {})) deployed[path] = contents.map(digestOf);
  const range = { start: 524288, count: 65536 };
  return {
    account: { name: 'alice', uid: 1000, gid: 1000, home: '/home/alice', shell: '/bin/bash' },
    home: '/home/alice',
    ranges: { uid: { present: [range], fresh: undefined }, gid: { present: [range], fresh: undefined } },
    files,
    stateFile: '/var/lib/iso/users/1000.json',
    root: '/',
    tree: '/home/alice/.local/share/containers',
    project: { why: undefined, id: 0x40000000 + 1000, recorded: true },
    declared: undefined,
    quota: { why: 'home is on ext4, not XFS' },
    tools: [{ name: 'newuidmap', package: 'uidmap', path: '/usr/bin/newuidmap' }],
    features: {
      systemd: 'no systemd',
      selinux: 'no SELinux',
      unknownTypes: [],
      apparmor: 'no restriction',
      polkit: undefined,
    },
    slice: undefined,
    lingering: false,
    isUnfinished: false,
    categories: undefined,
    treeType: undefined,
    isRoot: true,
    ...one.facts,
    entries: entriesOf(one),
    state: one.deployed === null ? undefined : { schema: 1, uid: 1000, name: 'alice', files: deployed },
  };
}

function planCase(one: Case): Item[] {
  const policy = { ...DEFAULT_POLICY, ...one.policy, quota: { ...DEFAULT_POLICY.quota, ...one.policy?.quota } };
  return planUser(factsOf(one), policy, []);
}

const show = ({ phase, kind, subject, state, current, desired, reason }: Item) =>
  `${phase} ${kind} ${subject}: ${[state, state === 'unavailable' ? '' : `${current} -> ${desired}`, reason].filter(Boolean).join('; ')}`;

describe('a user is planned', () => {
  it.each(readdirSync(cases).sort())('%s', (file) => {
    const one = JSON.parse(readFileSync(join(cases, file), 'utf8')) as Case;
    if (one.error) {
      const { error } = one;
      expect(() => planCase(one)).toThrowError(expect.objectContaining(error));
      return;
    }
    const items = planCase(one);
    expect(items.filter((item) => item.state !== 'unchanged').map(show)).toEqual(one.items);
    expect(items.filter((item) => item.state !== 'todo' && item.reason === '')).toEqual([]);
    expect(items.filter((item) => (item.state === 'todo') !== (item.step !== undefined))).toEqual([]);
    const reasons = new Map(items.map((item) => [`${item.phase} ${item.kind} ${item.subject}`, item.reason]));
    for (const [key, reason] of Object.entries(one.unchanged ?? {})) expect(reasons.get(key)).toBe(reason);
  });
});
