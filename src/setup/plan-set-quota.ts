/** `iso-setup quota`: a user's limits changed, looked at, repaired. Pure. */
import { tildePath } from '../facts/home-words.js';
import type { IdRange } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { formatSize, parseSize } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { ProjectQuota } from '../sys/quota.js';
import type { TreeFindings } from '../sys/tree.js';
import { desiredLimits, TREE } from './desired-user.js';
import { limitItem } from './plan-quota.js';
import type { DeclaredQuota } from './quota-state.js';
import { describeLeft, describeUncounted } from './quota-words.js';
import { type Item, type ItemText, item } from './step.js';

/** A user whose container tree has a quota project. */
export interface QuotaTarget {
  root: string;
  name: string;
  uid: number;
  home: string;
  project: number;
  quota: ProjectQuota;
  declared: DeclaredQuota | undefined;
  uids: readonly IdRange[];
}

/** What an administrator asks for; `default` is the policy's own, undefined leaves it as it is. */
export interface QuotaChange {
  size?: string | 'default';
  inodes?: number | 'default';
}

const MIN_BYTES = 2 ** 20;
const MAX_INODES = 2 ** 32;

/** @throws IsoError usage.invalid naming the accepted form */
export function parseQuotaSize(text: string): string {
  if (text === 'default') return text;
  const bytes = parseSize(text);
  const what = `cannot set a quota of ${JSON.stringify(text.slice(0, 40))}`;
  const hint = 'give a size such as 512M, 12G or 1.5T (powers of 1024), or `default` for what the policy says';
  if (bytes === undefined) throw new IsoError('usage.invalid', what, 'it is no size', { hint });
  if (bytes < MIN_BYTES) throw new IsoError('usage.invalid', what, 'it is less than 1M', { hint });
  return text.replace(/\s+/g, '').replace(/i?b$/i, '');
}

/** @throws IsoError usage.invalid */
export function parseQuotaInodes(text: string): number | 'default' {
  if (text === 'default') return text;
  const count = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (count >= 100 && count < MAX_INODES) return count;
  const what = `cannot set a quota of ${JSON.stringify(text.slice(0, 40))} files`;
  throw new IsoError('usage.invalid', what, 'it is no number from 100 to 4294967295', {
    hint: 'give a number such as 2000000, or `default` for what the policy says',
  });
}

function changed(target: QuotaTarget, { size, inodes }: QuotaChange): DeclaredQuota {
  const next: DeclaredQuota = { ...target.declared, name: target.name };
  if (size === 'default') delete next.size;
  else if (size !== undefined) next.size = size;
  if (inodes === 'default') delete next.inodes;
  else if (inodes !== undefined) next.inodes = inodes;
  return next;
}

/** A smaller limit than what is used stops all writing at once, removal's included. */
function requireAboveUse(target: QuotaTarget, declared: DeclaredQuota, policy: Policy['quota']): void {
  const { softBytes, softInodes } = desiredLimits(policy, declared);
  const { usedBytes, usedInodes } = target.quota;
  const what = `cannot set the quota of ${target.name}`;
  if (softBytes > 0 && usedBytes > softBytes) {
    const why = `${formatSize(usedBytes)} are used, more than ${formatSize(softBytes)}`;
    throw new IsoError('quota.below-use', what, why);
  }
  if (softInodes > 0 && usedInodes > softInodes) {
    throw new IsoError('quota.below-use', what, `${usedInodes} files are there, more than ${softInodes}`);
  }
}

const describe = (declared: DeclaredQuota | undefined) =>
  [declared?.size ?? '', declared?.inodes === undefined ? '' : `${declared.inodes} files`].filter(Boolean).join(', ') ||
  'as the policy says';

function declareItem(target: QuotaTarget, declared: DeclaredQuota): Item {
  const text: ItemText = {
    kind: 'declared',
    subject: target.name,
    current: describe(target.declared),
    desired: describe(declared),
  };
  if (text.current === text.desired) return item.unchanged('create', text, `already ${text.desired}`);
  const args = { root: target.root, uid: target.uid, declared };
  return item.todo('create', text, { kind: 'quota.declare', args });
}

/** @throws IsoError quota.below-use unless forced */
export function planQuotaChange(
  target: QuotaTarget,
  policy: Policy['quota'],
  change: QuotaChange,
  force: boolean,
): Item[] {
  const declared = changed(target, change);
  if (!force) requireAboveUse(target, declared, policy);
  const isDeclared = declared.size !== undefined || declared.inodes !== undefined;
  const facts = { home: target.home, declared: isDeclared ? declared : undefined };
  return [
    declareItem(target, declared),
    limitItem(facts, target.project, target.quota, desiredLimits(policy, declared)),
  ];
}

/** Files that are charged to the project and were not met in the tree: moved out of it, or given away by others. */
function elsewhere({ quota }: QuotaTarget, { counted, special }: TreeFindings): string {
  const count = quota.usedInodes - counted - special;
  return count > 0 ? `${count} more are charged to it from elsewhere or deleted and still open` : '';
}

/**
 * What is not counted though it lies in the tree: its owner can do that outside of a user namespace, and the kernel does
 * not object. `repair` puts it back.
 */
function filesItem(target: QuotaTarget, found: TreeFindings, repair: boolean): Item {
  const { uid, home, project, uids } = target;
  const all = `all in project ${project}`;
  const text: ItemText = { kind: 'quota', subject: `${tildePath(TREE)}/*`, current: all, desired: all };
  const notes = [...describeLeft(found), elsewhere(target, found)].filter(Boolean);
  if (found.uncounted + found.failed === 0) {
    return item.unchanged('verify', text, [`${found.counted} files counted`, ...notes].join('; '));
  }
  const differs = { ...text, current: `${found.uncounted} files in other projects` };
  const reason = [describeUncounted(found), ...notes].join('; ');
  if (!repair) {
    return item.drift('verify', differs, `${reason}; \`iso-setup quota ${target.name} --repair\` counts them again`);
  }
  const args = { mode: 'tag' as const, uid, project, home, tree: TREE, ranges: uids };
  return item.todo('verify', differs, { kind: 'project.tag', args }, reason);
}

/** Limits and files as they are against what they should be. */
export function planQuotaCheck(
  target: QuotaTarget,
  policy: Policy['quota'],
  found: TreeFindings,
  repair: boolean,
): Item[] {
  return [
    limitItem(target, target.project, target.quota, desiredLimits(policy, target.declared)),
    filesItem(target, found, repair),
  ];
}
