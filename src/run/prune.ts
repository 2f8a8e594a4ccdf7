/** Containers and images that nobody uses: which they are, and the removal of such containers. */
import { closeSync, constants, openSync } from 'node:fs';
import type { OwnIdentity } from '../facts/own-identity.js';
import type { ImageRecord } from '../image/record.js';
import { listImages } from '../image/store.js';
import { hasErrno } from '../lib/errors.js';
import { tryLock } from '../sys/flock.js';
import { isUsed } from './disk-rows.js';
import { type Container, containerDirectory, listContainers } from './records.js';
import { removeContainer } from './remove-container.js';

/** `fits`: of those, the ones that are meant. */
export const unusedContainers = ({ home, uid }: OwnIdentity, fits: (one: Container['record']) => boolean) =>
  listContainers(home, uid).filter(({ running, record }) => !running && fits(record));

/** Of no container but those of `without`. */
export function unusedImages({ home, uid, store }: OwnIdentity, without: readonly Container[] = []): ImageRecord[] {
  const gone = new Set(without.map(({ record }) => record.id));
  const containers = listContainers(home, uid).filter(({ record }) => !gone.has(record.id));
  return listImages(store).filter((image) => !isUsed(image, containers));
}

/**
 * Removes a container that does not run, and is not being launched: whoever launches it holds its directory
 * (native/ops/records.c). False when somebody does, or when it is gone.
 */
export async function pruneContainer(identity: OwnIdentity, container: Container): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let fd: number;
  try {
    fd = openSync(containerDirectory(identity.store, container.record.id), flags);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    if (!tryLock(fd)) return false;
    await removeContainer(identity, container, false);
    return true;
  } finally {
    closeSync(fd);
  }
}
