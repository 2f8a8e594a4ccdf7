/** Which volumes may be bound, and what of them stays hidden: the toolkit's own directories are never seen inside. Pure. */
import { posix } from 'node:path';
import type { VolumeFacts } from '../facts/volumes.js';
import { IsoError } from '../lib/errors.js';
import type { Volume } from './options/volumes.js';

/** As the store has placed it. */
export type StoredVolume = Omit<Volume, 'named'> & Pick<BoundVolume, 'named'>;

export interface BoundVolume {
  /** Its number among the volumes of the command line. */
  index: number;
  source: string;
  /** Device and inode of the source. */
  identity: string;
  destination: string;
  readOnly: boolean;
  noExec: boolean;
  kind: 'directory' | 'file';
  relabel?: 'shared' | 'private';
  /** A volume of the store by its name; `adopts` the owner of what it covers; `own` of this container alone. */
  named?: { name: string; adopts: boolean; own: boolean };
  origin: string;
  /** Paths in the container to cover, because the source holds directories of the toolkit. */
  masks: string[];
}

/** Component-wise: `/a/bc` is not below `/a/b` (CVE-2026-48785 was a prefix comparison). */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}

/**
 * What no container may see: a user's storage, runtime records, configuration and session sockets, and the cgroup tree,
 * where the user's own limits are the user's to write.
 */
export function protectedDirectories(home: string, uid: number): string[] {
  const own = [`${home}/.local/share/containers`, `${home}/.config/containers`, `/run/user/${uid}`];
  return [...own, '/sys/fs/cgroup'];
}

function refuse(volume: Volume, why: string): IsoError {
  return new IsoError('volume.refused', `cannot bind ${volume.source} into a container`, `${why} (${volume.origin})`);
}

/**
 * A volume by its name, or a secret. Its place is the store's to say, so nobody may have put a link there; one that is not
 * made yet is described alone.
 */
export function bindStored(volume: StoredVolume, facts: VolumeFacts | { missing: string }): BoundVolume {
  const kind = volume.secret ? 'file' : 'directory';
  const { secret: _, ...bound } = volume;
  if ('missing' in facts) return { ...bound, kind, identity: '', masks: [] };
  if (facts.realPath !== volume.source || facts.kind !== kind) throw refuse(volume, 'it is not what was made for it');
  return { ...bound, kind, identity: facts.identity, masks: [] };
}

/** `hidden` are real paths. @throws IsoError volume.missing, volume.refused */
export function bindVolume(
  volume: Volume,
  facts: VolumeFacts | { missing: string },
  hidden: readonly string[],
): BoundVolume {
  if ('missing' in facts) {
    throw new IsoError('volume.missing', `cannot bind ${volume.source}`, `${facts.missing} (${volume.origin})`);
  }
  const { realPath, kind, identity } = facts;
  if (kind === 'socket')
    throw refuse(volume, 'it is a socket: a container that reaches a service of the host is outside its walls');
  if (kind === 'other') throw refuse(volume, 'it is neither a directory nor a regular file');
  const inside = hidden.find((directory) => isWithin(realPath, directory));
  if (inside !== undefined) throw refuse(volume, `it lies in ${inside}, which no container may see`);
  const masked = hidden.filter((directory) => isWithin(directory, realPath));
  if (volume.relabel !== undefined && masked.length > 0) {
    throw refuse(volume, `relabelling it would relabel ${masked[0]} too`);
  }
  const masks = masked.map((directory) => posix.join(volume.destination, posix.relative(realPath, directory)));
  return {
    index: volume.index,
    source: realPath,
    identity,
    destination: volume.destination,
    readOnly: volume.readOnly,
    noExec: volume.noExec,
    kind,
    ...(volume.relabel === undefined ? {} : { relabel: volume.relabel }),
    origin: volume.origin,
    masks,
  };
}
