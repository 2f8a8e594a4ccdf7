/** Whether a home's file system can limit the user's container tree, and what it limits now. */
import { closeSync, constants, openSync, statfsSync } from 'node:fs';
import type { ProjectQuota } from '../sys/quota.js';
import { fileSystemName, XFS } from './file-system.js';

export type QuotaFacts = { why: string } | { why: undefined; quota: ProjectQuota };

const REMOUNT = 'mount it with prjquota (in fstab; for / rootflags=prjquota): a remount does not turn it on';

/** Project ids of users: above those of other tools, below those of systemd; undefined when the uid does not fit. Pure. */
export function projectOf(uid: number): number | undefined {
  return uid < 0x40000000 ? 0x40000000 + uid : undefined;
}

/** Project quota of the user's own project on the home's file system. The home's path is in root's hands alone. */
export async function readHomeQuota(home: string, project: number): Promise<QuotaFacts> {
  const { type } = statfsSync(home);
  if (type !== XFS) return { why: `home is on ${fileSystemName(type)}, not XFS` };
  const { readProject, readQuotaState } = await import('../sys/quota.js');
  const fd = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const state = readQuotaState(fd);
    if (!state.accounted) return { why: `home is on XFS without project quota; ${REMOUNT}` };
    if (!state.enforced) return { why: `home is on XFS where project quota is counted and not enforced; ${REMOUNT}` };
    return { why: undefined, quota: readProject(fd, project) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOSYS')
      return { why: `home is on XFS mounted with noquota (or the kernel is older than 5.14); ${REMOUNT}` };
    return { why: `the quota of the home's file system cannot be read: ${code}` };
  } finally {
    closeSync(fd);
  }
}
