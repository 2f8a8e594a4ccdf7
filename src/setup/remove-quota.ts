/** What is left of a user's quota when the user is removed: lines, limits, what was declared. */
import { dirname } from 'node:path';
import { homeUser } from '../facts/home.js';
import { readHomeQuota } from '../facts/home-quota.js';
import { projectName } from '../facts/project-lines.js';
import { IsoError } from '../lib/errors.js';
import type { Homes } from '../sys/home.js';
import type { ProjectLimits } from '../sys/quota.js';
import { TREE } from './desired-user.js';
import type { QuotaRemains } from './plan-remove.js';
import { readQuotaRegister } from './read-quota.js';

/** Whose uid does not matter: without ops nothing is done as the user. */
const NOBODY = 65534;

/**
 * A directory on the file system that the tree lay on: the home, or when it is gone the directory above it. The way there is
 * walked by iso-home, as to any home: it may lead elsewhere by now, and a mount that does not answer is that process's to wait
 * for. @throws IsoError os.failed when it does not
 */
async function findPlace(homes: Homes, root: string, name: string, tree: string): Promise<string | undefined> {
  if (!tree.endsWith(`/${TREE}`)) return undefined;
  const home = tree.slice(0, -TREE.length - 1);
  for (const path of [home, dirname(home)]) {
    if (path === '/') return root;
    try {
      const account = { name, uid: NOBODY, gid: NOBODY, home: path };
      return (await homes.enter(homeUser(root, account, []), [])).user.home;
    } catch (thrown) {
      if (!(thrown instanceof IsoError) || thrown.code === 'os.failed') throw thrown;
      // What is in other hands by now is nothing to ask the kernel about.
      if (thrown.code !== 'home.missing') return undefined;
    }
  }
  return undefined;
}

async function readLimits(place: string | undefined, id: number): Promise<ProjectLimits | undefined> {
  const quotas = place === undefined ? undefined : await readHomeQuota(place, [id]);
  const quota = quotas?.why === undefined ? quotas?.of.get(id) : undefined;
  return quota && quota.hardBytes + quota.softBytes + quota.hardInodes + quota.softInodes > 0 ? quota : undefined;
}

/** From the toolkit's own notes, so that it works for accounts that are gone as well. For root. */
export async function readQuotaRemains(homes: Homes, root: string, name: string): Promise<QuotaRemains> {
  const { projects, declared } = readQuotaRegister(root, true);
  const { ours } = projects;
  const projid = ours.projid.byHolder.get(projectName(name)) ?? [];
  const id = projid[0]?.id;
  const directories = projid.flatMap((line) => ours.projects.byId.get(line.id) ?? []);
  const place = await findPlace(homes, root, name, Buffer.from(directories[0]?.holder ?? '', 'latin1').toString());
  const limits = id === undefined ? undefined : await readLimits(place, id);
  const uids = Object.entries(declared).filter(([, one]) => one.name === name);
  return {
    lines: { projid: projid.map(({ text }) => text), projects: directories.map(({ text }) => text) },
    limited: id !== undefined && place !== undefined && limits ? { project: id, place, limits } : undefined,
    declaredUids: uids.map(([uid]) => Number(uid)),
  };
}
