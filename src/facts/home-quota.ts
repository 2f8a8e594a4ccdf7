/** Whether a home's file system can limit the user's container tree, and what it limits now. */
import { closeSync, constants, openSync, statfsSync } from 'node:fs';
import type { ProjectQuota } from '../sys/quota.js';
import { fileSystemName, XFS } from './file-system.js';

/** Use and limits by project; `none` is a project that nothing was ever charged to. */
export type HomeQuotaFacts =
  | { why: string }
  | { why: undefined; of: ReadonlyMap<number, ProjectQuota>; none: ProjectQuota };

const REMOUNT = 'mount it with prjquota (in fstab; for / rootflags=prjquota): a remount does not turn it on';

/**
 * Project quota of some projects on the home's file system. The home's path is in root's hands alone. Whoever is not root
 * may not read projects: they are left out then.
 */
export async function readHomeQuota(home: string, projects: readonly number[]): Promise<HomeQuotaFacts> {
  const { type } = statfsSync(home);
  if (type !== XFS) return { why: `home is on ${fileSystemName(type)}, not XFS` };
  const { NO_QUOTA, readProject, readQuotaState } = await import('../sys/quota.js');
  const fd = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const state = readQuotaState(fd);
    if (!state.accounted) return { why: `home is on XFS without project quota; ${REMOUNT}` };
    if (!state.enforced) return { why: `home is on XFS where project quota is counted and not enforced; ${REMOUNT}` };
    const seen = process.geteuid?.() === 0 ? projects : [];
    return { why: undefined, of: new Map(seen.map((id) => [id, readProject(fd, id)])), none: NO_QUOTA };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOSYS')
      return { why: `home is on XFS mounted with noquota (or the kernel is older than 5.14); ${REMOUNT}` };
    return { why: `the quota of the home's file system cannot be read: ${code}` };
  } finally {
    closeSync(fd);
  }
}
