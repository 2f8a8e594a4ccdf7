/** Whether the file system of a directory enforces project quota (quotactl(2), xfs(5)). */
import { statfsSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { readQuotaState } from '../sys/quota.js';
import { absent, type Fact, factOfError, measured } from './fact.js';
import { fileSystemName, XFS } from './file-system.js';

/** True when project quota is counted and enforced on the file system of an open directory. */
export function readProjectQuota(fd: number): Fact {
  const { type } = statfsSync(`/proc/self/fd/${fd}`);
  if (type !== XFS) {
    return absent(`project quota of this toolkit needs XFS, and the directory lies on ${fileSystemName(type)}`);
  }
  try {
    const { accounted, enforced } = readQuotaState(fd);
    return measured(accounted && enforced);
  } catch (error) {
    // Mounted with noquota: the question itself then is not there.
    return hasErrno(error, 'ENOSYS', 'ESRCH') ? measured(false) : factOfError(error);
  }
}
