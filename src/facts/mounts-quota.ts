/** Whether the file system of a directory enforces project quota (quotactl(2), xfs(5)). */
import { statfsSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { readQuotaState } from '../sys/quota.js';
import { absent, type Fact, factOfError, measured } from './fact.js';

const NAMES: Record<number, string> = {
  1481003842: 'xfs',
  61267: 'ext4',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  26985: 'nfs',
  2035054128: 'overlay',
  1702057286: 'fuse',
};

/** True when project quota is counted and enforced on the file system of an open directory. */
export function readProjectQuota(fd: number): Fact {
  const type = statfsSync(`/proc/self/fd/${fd}`).type;
  const name = NAMES[type] ?? `type 0x${type.toString(16)}`;
  if (name !== 'xfs') return absent(`project quota of this toolkit needs XFS, and the directory lies on ${name}`);
  try {
    const { accounted, enforced } = readQuotaState(fd);
    return measured(accounted && enforced);
  } catch (error) {
    // Mounted with noquota: the question itself then is not there.
    return hasErrno(error, 'ENOSYS', 'ESRCH') ? measured(false) : factOfError(error);
  }
}
