/** What is left of a user's quota when the user is removed: lines, limits, what was declared. */

import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readHomeQuota } from '../facts/home-quota.js';
import { projectName } from '../facts/project-lines.js';
import type { ProjectLimits } from '../sys/quota.js';
import { TREE } from './desired-user.js';
import type { QuotaRemains } from './plan-remove.js';
import { readQuotaRegister } from './read-quota.js';

/** A directory on the file system that the tree lay on: the home, or when it is gone the directory above it. */
function placeOf(root: string, tree: string): string | undefined {
  if (!tree.endsWith(`/${TREE}`)) return undefined;
  const home = join(root, tree.slice(0, -TREE.length - 1));
  const place = existsSync(home) ? home : dirname(home);
  return statSync(place, { throwIfNoEntry: false })?.isDirectory() ? place : undefined;
}

async function readLimits(place: string | undefined, id: number): Promise<ProjectLimits | undefined> {
  const quotas = place === undefined ? undefined : await readHomeQuota(place, [id]);
  const quota = quotas?.why === undefined ? quotas?.of.get(id) : undefined;
  return quota && quota.hardBytes + quota.softBytes + quota.hardInodes + quota.softInodes > 0 ? quota : undefined;
}

/** From the toolkit's own notes, so that it works for accounts that are gone as well. For root. */
export async function readQuotaRemains(root: string, name: string): Promise<QuotaRemains> {
  const { projects, declared } = readQuotaRegister(root, true);
  const { ours } = projects;
  const projid = ours.projid.byHolder.get(projectName(name)) ?? [];
  const id = projid[0]?.id;
  const directories = projid.flatMap((line) => ours.projects.byId.get(line.id) ?? []);
  const place = placeOf(root, Buffer.from(directories[0]?.holder ?? '', 'latin1').toString());
  const limits = id === undefined ? undefined : await readLimits(place, id);
  const uids = Object.entries(declared).filter(([, one]) => one.name === name);
  return {
    lines: { projid: projid.map(({ text }) => text), projects: directories.map(({ text }) => text) },
    limited: id !== undefined && place !== undefined && limits ? { project: id, place, limits } : undefined,
    declaredUids: uids.map(([uid]) => Number(uid)),
  };
}
