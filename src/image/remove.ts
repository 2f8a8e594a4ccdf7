/** Removes an image, and the layers that no other image shares. */
import { readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { hasErrno } from '../lib/errors.js';
import { emptyDirectory } from './confined-tools.js';
import type { ImageRecord } from './record.js';
import { findImage, listImages, removeRecord } from './store.js';
import { withStoreLock } from './store-lock.js';
import { findUnused, requireUnused, takeUnusedLayers } from './usage.js';
import { withWorkspace } from './workspace.js';

/** Forgets the image under the store's lock; the images that stay. */
function forget(identity: OwnIdentity, reference: string): { image: ImageRecord; others: ImageRecord[] } {
  const image = findImage(identity.store, reference);
  requireUnused(identity, image.name, `cannot remove the image ${image.name}`);
  const others = listImages(identity.store).filter(({ name }) => name !== image.name);
  removeRecord(identity.store, image.name);
  return { image, others };
}

/**
 * Where not even a directory can be made, at the hard limit of the quota: slower for whoever waits for the store. A layer
 * has no digest's name any more while it is taken apart, so what a killed command leaves is swept by the next one.
 */
function removeInPlace(identity: OwnIdentity, reference: string): Promise<ImageRecord> {
  return withStoreLock(identity.store, async () => {
    const { image, others } = forget(identity, reference);
    const layers = join(identity.store, 'layers');
    for (const layer of findUnused(readdirSync(layers), others)) {
      const aside = join(layers, layer.endsWith('.removed') ? layer : `${layer}.removed`);
      renameSync(join(layers, layer), aside);
      await emptyDirectory({ ids: identity.ids, directory: aside });
      rmdirSync(aside);
    }
    return image;
  });
}

/** @throws IsoError image.missing, image.in-use while a container made from it exists */
export async function removeImage(identity: OwnIdentity, reference: string): Promise<ImageRecord> {
  findImage(identity.store, reference);
  try {
    return await withWorkspace(identity, (workspace) =>
      withStoreLock(identity.store, () => {
        const { image, others } = forget(identity, reference);
        takeUnusedLayers(identity.store, others, workspace);
        return image;
      }),
    );
  } catch (error) {
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    return removeInPlace(identity, reference);
  }
}
