/** Processes that use subordinate ids: as their own, or mapped into their user namespace (user_namespaces(7)). */
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { cFunction } from '../sys/ffi.js';
import type { IdRange } from './subids.js';

export interface IdUse {
  pid: number;
  command: string;
  /** Who made its user namespace; undefined for one in the host's own. */
  owner: number | undefined;
  uids: IdRange[];
  gids: IdRange[];
}

// <linux/nsfs.h>: the uid, in our own namespace, of whoever made a user namespace.
const NS_GET_OWNER_UID = 0xb704;

function namespaceOwner(pid: string): number | undefined {
  const ioctl = cFunction('libc.so.6', 'int ioctl(int fd, unsigned long request, void *ret_uid)');
  const fd = openSync(`/proc/${pid}/ns/user`, constants.O_RDONLY);
  try {
    const uid = Buffer.alloc(4);
    return ioctl(fd, NS_GET_OWNER_UID, uid) === 0 ? uid.readUInt32LE(0) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** The ids of the host that a map of /proc holds; none for the host's own namespace. Pure. */
export function mappedRanges(map: string): IdRange[] {
  const rows = map
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.flatMap(([inside = 0, start = 0, count = 0]) =>
    count === 0 || (inside === 0 && start === 0 && count === 4294967295) ? [] : [{ start, count }],
  );
}

function readUse(pid: string): IdUse | undefined {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  // One that ended and was not waited for uses nothing any more.
  if (/^State:\t[ZX]/m.test(status)) return undefined;
  const own = (field: string) =>
    [
      ...new Set(
        new RegExp(`^${field}:\\t(.*)$`, 'm')
          .exec(status)?.[1]
          ?.split(/\s+/)
          .filter((id) => id !== ''),
      ),
    ].map((id) => ({ start: Number(id), count: 1 }));
  const mapped = {
    uid: mappedRanges(readFileSync(`/proc/${pid}/uid_map`, 'utf8')),
    gid: mappedRanges(readFileSync(`/proc/${pid}/gid_map`, 'utf8')),
  };
  return {
    pid: Number(pid),
    command: /^Name:\t(.*)$/m.exec(status)?.[1] ?? '',
    owner: mapped.uid.length > 0 ? namespaceOwner(pid) : undefined,
    uids: [...own('Uid'), ...mapped.uid],
    gids: [...own('Gid'), ...own('Groups'), ...mapped.gid],
  };
}

/** All processes with the ids that they use; those that end meanwhile are left out. For root. */
export function readIdUses(): IdUse[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const use = readUse(pid);
      return use ? [use] : [];
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
      return [];
    }
  });
}
