/** Room on the store's file system. For a directory under a project quota the figures are the quota's (statvfs(3)). */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { TREE } from '../facts/container-record.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { formatSize } from '../lib/units.js';

/** What one image may take; a bomb of a few kilobytes would otherwise fill what its user has. */
export const MAX_LAYER_BYTES = 64 * 2 ** 30;
export const MAX_LAYER_ENTRIES = 1_000_000;

/** An import stops before the file system is full to the last byte, where other programs of the user break. */
const RESERVE_BYTES = 64 * 2 ** 20;

const WATCH_MS = 200;

interface Room {
  bytes: number;
  /** Free inodes; 0 where the file system has no such bound. */
  entries: number;
}

function readRoom(directory: string): Room {
  const { bavail, bsize, ffree } = statfsSync(directory);
  return { bytes: bavail * bsize, entries: ffree };
}

/** Why a tree of this size is refused, undefined when it is within bounds. Pure. */
export function findExcess(taken: Room): string | undefined {
  if (taken.bytes > MAX_LAYER_BYTES) return `it takes more than ${formatSize(MAX_LAYER_BYTES)} on disk`;
  if (taken.entries > MAX_LAYER_ENTRIES) return `it has more than ${MAX_LAYER_ENTRIES} entries`;
  return undefined;
}

function findShortage(now: Room, what: string): IsoError | undefined {
  if (now.bytes >= RESERVE_BYTES) return undefined;
  const why = `only ${formatSize(now.bytes)} are left on the file system of the image store`;
  return new IsoError('write.failed', what, why, { hint: MAKE_ROOM });
}

/** What a quota project has and what it may have; files are inodes. */
export interface QuotaUse {
  usedBytes: number;
  limitBytes: number;
  usedFiles: number;
  limitFiles: number;
}

const MAKE_ROOM =
  'remove containers with `iso-run rm` and images with `iso-run image rm`, or ask the administrator for a larger quota';

const percentOf = (used: number, limit: number) => (limit === 0 ? 0 : Math.floor((used / limit) * 100));

/** Why nothing new is begun at this use, with the figures and the way up; undefined when there is room. Pure. */
export function findFull(use: QuotaUse, refuse: number, user: string): { why: string; hint: string } | undefined {
  const bytes = percentOf(use.usedBytes, use.limitBytes);
  const files = percentOf(use.usedFiles, use.limitFiles);
  if (refuse === 0 || Math.max(bytes, files) < refuse) return undefined;
  const used =
    bytes >= refuse
      ? `${formatSize(use.usedBytes)} of ${formatSize(use.limitBytes)} (${bytes} %) are used`
      : `${use.usedFiles} of ${use.limitFiles} files (${files} %) are there`;
  const more = `${Math.max(1, Math.ceil((use.limitBytes * 2) / 2 ** 30))}G`;
  const wish = bytes >= refuse ? `--set ${more}` : `--inodes ${use.limitFiles * 2}`;
  return {
    why: `${used} in ~/${TREE}, and from ${refuse} % on nothing new is begun`,
    hint: `${MAKE_ROOM.replace('for a larger quota', `to run \`iso-setup quota ${user} ${wish}\``)}`,
  };
}

/**
 * Use and limit of the caller's tree, undefined where it has no limit of its own. The kernel shows a project's soft limit
 * as the size of a directory below it; one that is as large as its home has none.
 */
function readQuotaUse(home: string): QuotaUse | undefined {
  try {
    const tree = statfsSync(join(home, TREE));
    const around = statfsSync(home);
    if (tree.blocks === around.blocks && tree.files === around.files) return undefined;
    return {
      usedBytes: (tree.blocks - tree.bfree) * tree.bsize,
      limitBytes: tree.blocks === around.blocks ? 0 : tree.blocks * tree.bsize,
      usedFiles: tree.files - tree.ffree,
      limitFiles: tree.files === around.files ? 0 : tree.files,
    };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * Refuses to begin something new near the quota, where it would fail half way. A guard rail: the quota itself is the
 * kernel's. `refuse` in percent, 0 for never. @throws IsoError quota.near
 */
export function requireRoom({ home, name }: Pick<OwnIdentity, 'home' | 'name'>, refuse: number, what: string): void {
  const use = refuse === 0 ? undefined : readQuotaUse(home);
  const full = use && findFull(use, refuse, name);
  if (full) throw new IsoError('quota.near', what, full.why, { hint: full.hint });
}

/** An archive that is larger than the room that is left fits in no way. @throws IsoError quota.near */
export function requireFit(directory: string, bytes: number | undefined, what: string): void {
  const { bytes: left } = readRoom(directory);
  if (bytes === undefined || bytes <= left) return;
  const why = `it has ${formatSize(bytes)}, and ${formatSize(left)} are left for the image store`;
  throw new IsoError('quota.near', what, why, { hint: MAKE_ROOM });
}

/**
 * Looks at the room in a directory while it is filled. `stop` is called once, as soon as too much was taken or too
 * little is left; the reason also comes from the returned function, which ends the watch. `what` words the error.
 */
export function watchRoom(directory: string, what: string, stop: () => void): () => IsoError | undefined {
  const before = readRoom(directory);
  let reason: IsoError | undefined;
  const look = () => {
    if (reason !== undefined) return;
    const now = readRoom(directory);
    const excess = findExcess({ bytes: before.bytes - now.bytes, entries: before.entries - now.entries });
    reason = excess === undefined ? findShortage(now, what) : new IsoError('image.invalid', what, excess);
    if (reason !== undefined) stop();
  };
  look();
  const timer = setInterval(look, WATCH_MS);
  return () => {
    clearInterval(timer);
    look();
    return reason;
  };
}
