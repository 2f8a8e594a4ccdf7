/** What the kernel of this host offers and enforces. */
import { lstatSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { cFunction, errnoError } from '../sys/ffi.js';
import { absent, denied, type Fact, factOfError, failed, measured } from './fact.js';

const CGROUP2_SUPER_MAGIC = 0x63677270;
const NAME = /^[a-z0-9_]+(\.[a-z0-9_-]+)+$/;

/** A sysctl by its dotted name: a number where it is one. Absent where this kernel has no such setting. */
export function readSysctl(name: string): Fact {
  if (!NAME.test(name)) return failed(`${name} is not the name of a sysctl`);
  try {
    const text = readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
    return measured(/^-?\d{1,15}$/.test(text) ? Number(text) : text);
  } catch (error) {
    return factOfError(error, () => absent(`this kernel has no ${name}`));
  }
}

/** Where cgroup v2 is mounted, and whether it is the only hierarchy (cgroups(7)). */
export function findCgroup2(): { root: string; unified: boolean } | undefined {
  for (const [root, unified] of [['/sys/fs/cgroup', true] as const, ['/sys/fs/cgroup/unified', false] as const]) {
    try {
      if (statfsSync(root).type === CGROUP2_SUPER_MAGIC) return { root, unified };
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
  }
  return undefined;
}

/** `unified` (cgroup v2 only), `hybrid` (v1 with v2 beside it), `legacy` (v1) or `none`. */
export function readCgroupMode(): Fact {
  try {
    const found = findCgroup2();
    if (found) return measured(found.unified ? 'unified' : 'hybrid');
    return measured(/^\d+:[^:]+:/m.test(readFileSync('/proc/self/cgroup', 'utf8')) ? 'legacy' : 'none');
  } catch (error) {
    return factOfError(error);
  }
}

function readFlag(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

/** Names of the mandatory access controls that are on and enforcing. */
export function readEnforcingMac(): Fact {
  try {
    const enforcing: string[] = [];
    if (readFlag('/sys/fs/selinux/enforce') === '1') enforcing.push('selinux');
    if (readFlag('/sys/module/apparmor/parameters/enabled') === 'Y') {
      // Loaded without a mode file it cannot be told; `complain` logs and allows.
      if (readFlag('/sys/module/apparmor/parameters/mode') !== 'complain') enforcing.push('apparmor');
    }
    return measured(enforcing);
  } catch (error) {
    return factOfError(error);
  }
}

// <linux/capability.h>: version 2 of the extended attribute, with 64 bits, with and without a user namespace's root.
const VFS_CAP_REVISIONS = [0x02000000, 0x03000000];

/** File capabilities (permitted mask), or undefined when the file has none. @throws system errors */
function readFileCapabilities(file: string): bigint | undefined {
  const getxattr = cFunction(
    'libc.so.6',
    'long getxattr(const char *path, const char *name, void *value, size_t size)',
  );
  const value = Buffer.alloc(64);
  if (Number(getxattr(file, 'security.capability', value, value.length)) < 0) {
    const error = errnoError('getxattr', file);
    if (error.code === 'ENODATA' || error.code === 'ENOTSUP') return undefined;
    throw error;
  }
  if (!VFS_CAP_REVISIONS.includes(value.readUInt32LE(0) & 0xff000000)) return undefined;
  return BigInt(value.readUInt32LE(4)) | (BigInt(value.readUInt32LE(12)) << 32n);
}

/** CAP_SETUID for uids, CAP_SETGID for gids: all that newuidmap(1) and newgidmap(1) need. */
const MAPPING_TOOLS = [
  ['/usr/bin/newuidmap', 7n],
  ['/usr/bin/newgidmap', 6n],
] as const;

function mappingToolFaults(file: string, capability: bigint): string[] {
  if (lstatSync(file).isSymbolicLink()) return [`${file}: it is a symbolic link`];
  const { uid, mode } = statSync(file);
  const capabilities = readFileCapabilities(file) ?? 0n;
  const faults: string[] = [];
  if (uid !== 0) faults.push(`${file}: it belongs to uid ${uid}`);
  if ((mode & 0o022) !== 0) faults.push(`${file}: others may write to it`);
  if ((mode & 0o2000) !== 0) faults.push(`${file}: it is set-group-id`);
  if ((mode & 0o4000) === 0 && capabilities === 0n)
    faults.push(`${file}: it is neither set-user-id nor has capabilities`);
  if ((capabilities & ~(1n << capability)) !== 0n) faults.push(`${file}: it has more capabilities than it needs`);
  return faults;
}

/** What is wrong with the two programs that write id maps for users. */
export function readMappingToolFaults(): Fact {
  const faults: string[] = [];
  for (const [file, capability] of MAPPING_TOOLS) {
    try {
      faults.push(...mappingToolFaults(file, capability));
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) faults.push(`${file}: it is not installed`);
      else if (hasErrno(error, 'EACCES')) return denied(`${file}: permission denied`);
      else return factOfError(error);
    }
  }
  return measured(faults);
}
