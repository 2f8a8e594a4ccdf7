/**
 * XFS project quota through quotactl_fd(2) (Linux 5.14): any descriptor on the file system will do, so neither mount
 * table nor block device is needed. <linux/dqblk_xfs.h>
 */
import { cFunction, errnoError } from './ffi.js';

const SYS_QUOTACTL_FD = 443;
const PROJECT = 2;
const Q_XGETQUOTA = (0x5803 << 8) | PROJECT;
const Q_XSETQLIM = (0x5804 << 8) | PROJECT;
const Q_XGETQSTATV = (0x5808 << 8) | PROJECT;

const STATV_BYTES = 160;
const ACCOUNTED = 0x10;
const ENFORCED = 0x20;

// struct fs_disk_quota: offsets of the fields used here; block counts are in units of 512 bytes.
const DQUOT_BYTES = 112;
const BLOCK = 512n;
const ISOFT = 1;
const IHARD = 2;
const BSOFT = 4;
const BHARD = 8;
const BTIMER = 64;
const ITIMER = 128;
const LAST_SECOND = 2 ** 31 - 1;

function quotactl(fd: number, command: number, id: number, address: Buffer): void {
  const call = cFunction('libc.so.6', 'long syscall(long number, long fd, long command, long id, void *address)');
  if (Number(call(SYS_QUOTACTL_FD, fd, command, id, address)) !== 0) throw errnoError('quotactl_fd', `project ${id}`);
}

/** Whether project quota is counted and enforced where the descriptor lies. @throws system errors */
export function readQuotaState(fd: number): { accounted: boolean; enforced: boolean } {
  const status = Buffer.alloc(STATV_BYTES);
  status.writeInt8(1, 0);
  quotactl(fd, Q_XGETQSTATV, 0, status);
  const flags = status.readUInt16LE(2);
  return { accounted: (flags & ACCOUNTED) !== 0, enforced: (flags & ENFORCED) !== 0 };
}

/** Bytes and inodes; a limit of 0 is none. */
export interface ProjectLimits {
  softBytes: number;
  hardBytes: number;
  softInodes: number;
  hardInodes: number;
}

export interface ProjectQuota extends ProjectLimits {
  usedBytes: number;
  usedInodes: number;
}

const blocks = (bytes: number) => (BigInt(bytes) + BLOCK - 1n) / BLOCK;
/** Of a project that nothing was ever charged to. */
export const NO_QUOTA: ProjectQuota = {
  softBytes: 0,
  hardBytes: 0,
  softInodes: 0,
  hardInodes: 0,
  usedBytes: 0,
  usedInodes: 0,
};

/** Limits and use of a project; all 0 for one that nothing was ever charged to. @throws system errors */
export function readProject(fd: number, id: number): ProjectQuota {
  const quota = Buffer.alloc(DQUOT_BYTES);
  try {
    quotactl(fd, Q_XGETQUOTA, id, quota);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return NO_QUOTA;
    throw error;
  }
  const number = (offset: number) => Number(quota.readBigUInt64LE(offset));
  const bytes = (offset: number) => Number(quota.readBigUInt64LE(offset) * BLOCK);
  return {
    hardBytes: bytes(8),
    softBytes: bytes(16),
    hardInodes: number(24),
    softInodes: number(32),
    usedBytes: bytes(40),
    usedInodes: number(48),
  };
}

/** Sets a project's limits. @throws system errors */
export function setProjectLimits(fd: number, id: number, limits: ProjectLimits): void {
  const quota = Buffer.alloc(DQUOT_BYTES);
  quota.writeInt8(1, 0);
  quota.writeInt8(PROJECT, 1);
  quota.writeUInt16LE(ISOFT | IHARD | BSOFT | BHARD, 2);
  quota.writeUInt32LE(id, 4);
  quota.writeBigUInt64LE(blocks(limits.hardBytes), 8);
  quota.writeBigUInt64LE(blocks(limits.softBytes), 16);
  quota.writeBigUInt64LE(BigInt(limits.hardInodes), 24);
  quota.writeBigUInt64LE(BigInt(limits.softInodes), 32);
  quotactl(fd, Q_XSETQLIM, id, quota);
}

/** When a soft limit that is passed begins to hold as a hard one, in seconds of the clock. @throws system errors */
export function extendGrace(fd: number, id: number, until: number): void {
  const quota = Buffer.alloc(DQUOT_BYTES);
  quota.writeInt8(1, 0);
  quota.writeInt8(PROJECT, 1);
  quota.writeUInt16LE(BTIMER | ITIMER, 2);
  quota.writeUInt32LE(id, 4);
  quota.writeInt32LE(Math.min(until, LAST_SECOND), 56);
  quota.writeInt32LE(Math.min(until, LAST_SECOND), 60);
  quotactl(fd, Q_XSETQLIM, id, quota);
}
