/** Whether the file system of a directory enforces project quota (quotactl(2), xfs(5)). */
import { statfsSync } from 'node:fs';
import { cFunction, errnoError } from '../sys/ffi.js';
import { absent, denied, type Fact, failed, measured } from './fact.js';

const NAMES: Record<number, string> = {
  1481003842: 'xfs',
  61267: 'ext4',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  26985: 'nfs',
  2035054128: 'overlay',
  1702057286: 'fuse',
};

// <linux/dqblk_xfs.h>, <linux/quota.h>: Q_XGETQSTATV for projects, asked of a descriptor (Linux 5.14).
const SYS_QUOTACTL_FD = 443;
const Q_XGETQSTATV_PROJECT = (0x5808 << 8) | 2;
const STATV_BYTES = 160;
const PROJECT_ACCOUNTED = 0x10;
const PROJECT_ENFORCED = 0x20;

/** True when project quota is counted and enforced on the file system of an open directory. */
export function readProjectQuota(fd: number): Fact {
  const type = statfsSync(`/proc/self/fd/${fd}`).type;
  const name = NAMES[type] ?? `type 0x${type.toString(16)}`;
  if (name !== 'xfs') return absent(`project quota of this toolkit needs XFS, and the directory lies on ${name}`);
  const quotactl = cFunction('libc.so.6', 'long syscall(long number, long fd, long command, long id, void *address)');
  const status = Buffer.alloc(STATV_BYTES);
  status.writeInt8(1, 0);
  if (Number(quotactl(SYS_QUOTACTL_FD, fd, Q_XGETQSTATV_PROJECT, 0, status)) === 0) {
    const flags = status.readUInt16LE(2);
    const wanted = PROJECT_ACCOUNTED | PROJECT_ENFORCED;
    return measured((flags & wanted) === wanted);
  }
  const { code, message } = errnoError('quotactl_fd', 'project quota');
  // Mounted with noquota: quotactl then is not there at all.
  if (code === 'ENOSYS' || code === 'ESRCH') return measured(false);
  return code === 'EPERM' ? denied('permission denied') : failed(message);
}
