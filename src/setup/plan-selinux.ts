/** SELinux: the toolkit's modules of the policy, and who gets which categories. Pure. */
import type { PolicyModuleFacts } from '../facts/selinux-modules.js';
import { IsoError } from '../lib/errors.js';
import { PAIRS } from '../lib/selinux-context.js';
import { CONTAINER_FILE } from './desired-user.js';
import { type Item, item } from './step.js';

/** All modules go in one transaction: each commit compiles the whole policy, which takes seconds. */
export function planPolicyModules(facts: PolicyModuleFacts): Item {
  const text = { kind: 'selinux', subject: 'policy modules', current: 'absent', desired: 'installed' };
  if (facts.why !== undefined) return item.unavailable('create', text, facts.why);
  const { modules } = facts;
  const desired = modules.map(({ name, priority }) => `${name} (priority ${priority})`).join(', ');
  if (modules.every(({ digest, present }) => digest === present)) {
    return item.unchanged('create', { ...text, current: desired, desired }, 'already in the policy, with this content');
  }
  const current = modules.some(({ present }) => present !== undefined) ? 'older' : 'absent';
  const args = { modules: modules.map(({ file, priority }) => ({ file, priority })) };
  return item.todo('create', { ...text, current, desired }, { kind: 'selinux.install', args });
}

/**
 * What restorecon(8) would make of a container tree. The policy knows the homes of accounts that were there when it was last
 * built, beside those below /home; `type` is undefined where SELinux is off.
 */
export function planHomeContexts(tree: string, type: string | undefined, canLogIn: boolean): Item[] {
  if (type === undefined) return [];
  const text = { kind: 'selinux', subject: `contexts of ${tree}`, current: type, desired: CONTAINER_FILE };
  if (type === CONTAINER_FILE)
    return [item.unchanged('create', text, 'the policy gives the tree the type that it has')];
  if (canLogIn) return [item.todo('create', text, { kind: 'selinux.homes', args: { tree } })];
  return [item.unavailable('create', text, 'the policy has no contexts for homes of accounts that cannot log in')];
}

/**
 * Numbers of category pairs: a user keeps the recorded one, and a new user gets the next free one from the uid on, so that
 * the search is short however many there are. `recorded`: pair number by uid; of two users with one number the first keeps it.
 */
export function createCategoryAllocator(recorded: ReadonlyMap<number, number>): (uid: number) => number {
  const ownerOf = new Map<number, number>();
  for (const [uid, pair] of recorded) if (!ownerOf.has(pair)) ownerOf.set(pair, uid);
  return (uid) => {
    const present = recorded.get(uid);
    if (present !== undefined && ownerOf.get(present) === uid) return present;
    for (let tries = 0; tries < PAIRS; tries += 1) {
      const pair = (uid + tries) % PAIRS;
      const owner = ownerOf.get(pair) ?? uid;
      if (owner !== uid) continue;
      ownerOf.set(pair, uid);
      return pair;
    }
    throw new IsoError(
      'selinux.exhausted',
      `cannot give uid ${uid} SELinux categories`,
      `all ${PAIRS} pairs are given`,
    );
  };
}
