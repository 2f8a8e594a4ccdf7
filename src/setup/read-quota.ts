/** What is known of one user's quota before it is planned: the project, its use, what was declared. */
import { join } from 'node:path';
import type { HomeFacts } from '../facts/home.js';
import { readHomeQuota } from '../facts/home-quota.js';
import type { ProjectRegister } from '../facts/project-lines.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { TREE } from './desired-user.js';
import { chooseProject, type ProjectFacts, projectCandidates } from './plan-project.js';
import type { QuotaFacts } from './plan-quota.js';
import { readRegister } from './project-files.js';
import { type DeclaredQuotas, parseQuotas, QUOTA_FILE } from './quota-state.js';

/** What all users of a call share. */
export interface QuotaRegister {
  root: string;
  isRoot: boolean;
  projects: ProjectRegister;
  declared: DeclaredQuotas;
}

export function readQuotaRegister(root: string, isRoot: boolean): QuotaRegister {
  return {
    root,
    isRoot,
    projects: readRegister(root, isRoot),
    declared: isRoot ? parseQuotas(readPlainFile(join(root, QUOTA_FILE))?.text) : {},
  };
}

/** The container tree below another root directory, as its user will see it. */
export function treeOf(root: string, home: string): string {
  const seen = root === '/' ? home : home.slice(root.length);
  return `${seen}/${TREE}`;
}

const NO_ROOT = 'this needs root; what is in the home can be done without';

/** @throws system errors */
export async function readUserQuota(
  register: QuotaRegister,
  account: { name: string; uid: number },
  home: string,
  entries: HomeFacts,
): Promise<{ quota: QuotaFacts; project: ProjectFacts }> {
  const quotas = await readHomeQuota(home, projectCandidates(account.uid));
  const none: ProjectFacts = { why: 'no project' };
  if (quotas.why !== undefined) return { quota: quotas, project: none };
  if (!register.isRoot) return { quota: { why: NO_ROOT }, project: none };
  const owner = { name: account.name, uid: account.uid, tree: treeOf(register.root, home) };
  const filesOf = (id: number) => quotas.of.get(id)?.usedInodes ?? 0;
  const top = entries.get(TREE)?.project ?? 0;
  const project = chooseProject(owner, register.projects, { top, filesOf });
  const used = project.why === undefined ? quotas.of.get(project.id) : undefined;
  return { quota: used ? { why: undefined, quota: used } : { why: undefined, quota: quotas.none }, project };
}
