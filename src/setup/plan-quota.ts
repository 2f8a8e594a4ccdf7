/** Items for the quota of a container tree: its project, what is in it, its limits. Pure. */

import type { PasswdEntry } from '../facts/accounts.js';
import type { HomeFacts } from '../facts/home.js';
import { tildePath } from '../facts/home-words.js';
import { projectName } from '../facts/project-lines.js';
import type { IdRange } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { formatSize } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { ProjectLimits, ProjectQuota } from '../sys/quota.js';
import { desiredLimits, PRIVATE_DIRECTORIES, TREE } from './desired-user.js';
import type { ProjectFacts } from './plan-project.js';
import type { DeclaredQuota } from './quota-state.js';
import { type Item, type ItemText, item } from './step.js';

/** `why` where nothing can be limited; what is used and allowed now where it can. */
export type QuotaFacts = { why: string } | { why: undefined; quota: ProjectQuota };

export interface UserQuotaFacts {
  account: Pick<PasswdEntry, 'name' | 'uid'>;
  root: string;
  home: string;
  /** The container tree as the user sees it. */
  tree: string;
  entries: HomeFacts;
  quota: QuotaFacts;
  project: ProjectFacts;
  declared: DeclaredQuota | undefined;
  /** The user's subordinate uids. */
  uids: readonly IdRange[];
}

/** Directories of the tree, its top first. */
const TOPS = PRIVATE_DIRECTORIES.filter((path) => path.startsWith(TREE));

export const formatLimits = (limits: ProjectLimits) =>
  limits.softBytes === 0 && limits.softInodes === 0
    ? 'no limit'
    : `${formatSize(limits.softBytes)} (hard ${formatSize(limits.hardBytes)}), ${limits.softInodes} files`;

const sameLimits = (a: ProjectLimits, b: ProjectLimits) =>
  a.softBytes === b.softBytes &&
  a.hardBytes === b.hardBytes &&
  a.softInodes === b.softInodes &&
  a.hardInodes === b.hardInodes;

const isLimited = (limits: ProjectLimits) => limits.softBytes > 0 || limits.softInodes > 0;

function markItems(entries: HomeFacts, project: number): Item[] {
  return TOPS.map((path) => {
    const now = entries.get(path)?.project ?? 0;
    const text = { kind: 'quota', subject: tildePath(path), current: `project ${now}`, desired: `project ${project}` };
    return now === project
      ? item.unchanged('create', text, `already counted as project ${project}`)
      : item.todo('create', text, { kind: 'home.project', args: { path, project } });
  });
}

function recordItem({ account, root, tree }: UserQuotaFacts, id: number, recorded: boolean): Item {
  const desired = `${projectName(account.name)}:${id}`;
  const text: ItemText = { kind: 'quota', subject: '/etc/projid', current: recorded ? desired : 'none', desired };
  if (recorded) return item.unchanged('create', text, `already ${desired}, as in /etc/projects`);
  const owner = { name: account.name, uid: account.uid, tree };
  return item.todo('create', text, { kind: 'project.record', args: { root, owner, id } });
}

/**
 * Files that were there before the tree had its project. Limits are set behind it, so where there are none yet an earlier
 * run may have been ended half way.
 */
function tagItem(facts: UserQuotaFacts, id: number, quota: ProjectQuota, limits: ProjectLimits): Item {
  const { account, home, entries, uids } = facts;
  const subject = `${tildePath(TREE)}/*`;
  const desired = `in project ${id}`;
  const isNew = entries.get(TREE)?.error !== undefined;
  const isMarked = TOPS.every((path) => entries.get(path)?.project === id);
  const text: ItemText = { kind: 'quota', subject, current: 'counted in part', desired };
  if (isNew) return item.unchanged('create', { ...text, current: desired }, 'the tree is new: all in it inherits');
  if (isMarked && (isLimited(quota) || !isLimited(limits))) {
    return item.unchanged('create', { ...text, current: desired }, 'what is made in the tree inherits its project');
  }
  const args = { mode: 'tag' as const, uid: account.uid, project: id, home, tree: TREE, ranges: uids };
  return item.todo('create', text, { kind: 'project.tag', args });
}

export function limitItem(
  facts: Pick<UserQuotaFacts, 'home' | 'declared'>,
  id: number,
  quota: ProjectQuota,
  limits: ProjectLimits,
): Item {
  const by = facts.declared ? ', as `iso-setup quota --set` declared' : '';
  const text = {
    kind: 'quota',
    subject: tildePath(TREE),
    current: formatLimits(quota),
    desired: formatLimits(limits),
  };
  return sameLimits(quota, limits)
    ? item.unchanged('create', text, `already limited${by}, ${formatSize(quota.usedBytes)} used`)
    : item.todo('create', text, { kind: 'quota.limit', args: { home: facts.home, project: id, limits } });
}

/** The project of the tree and its limits; what is made in the tree later inherits the project. */
function planProject(facts: UserQuotaFacts, limits: ProjectLimits): Item[] {
  const { quota, project, entries } = facts;
  const text = { kind: 'quota', subject: tildePath(TREE), current: 'no limit', desired: formatLimits(limits) };
  if (quota.why !== undefined) return [item.unavailable('create', text, quota.why)];
  if (project.why !== undefined) return [item.drift('create', text, project.why)];
  const { id, recorded } = project;
  return [
    recordItem(facts, id, recorded),
    ...markItems(entries, id),
    tagItem(facts, id, quota.quota, limits),
    limitItem(facts, id, quota.quota, limits),
  ];
}

/** @throws IsoError feature.missing where the policy requires a limit and none can hold */
export function planUserQuota(facts: UserQuotaFacts, policy: Policy['quota'], required: boolean): Item[] {
  const why = facts.quota.why ?? facts.project.why;
  if (required && why !== undefined && policy.missing === 'require') {
    const hint =
      facts.quota.why === undefined
        ? 'free the project in /etc/projid and /etc/projects, or set quota.missing = "report" in /etc/iso/policy.toml'
        : 'put the home on XFS mounted with prjquota, or set quota.missing = "report" in /etc/iso/policy.toml';
    throw new IsoError('feature.missing', `cannot limit the container tree of ${facts.account.name}`, why, { hint });
  }
  return planProject(facts, desiredLimits(policy, facts.declared));
}
