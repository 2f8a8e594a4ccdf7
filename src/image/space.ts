/** Room on the store's file system. For a directory under a project quota the figures are the quota's (statvfs(3)). */
import { statfsSync } from 'node:fs';
import { IsoError } from '../lib/errors.js';
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
  return new IsoError('write.failed', what, why, {
    hint: 'remove images with `iso-run image rm`, or ask the administrator for a larger quota',
  });
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
