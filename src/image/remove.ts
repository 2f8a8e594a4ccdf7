/** Removes an image, and the layers that no other image shares. */
import type { OwnIdentity } from '../facts/own-identity.js';
import type { ImageRecord } from './record.js';
import { findImage, listImages, removeRecord } from './store.js';
import { withStoreLock } from './store-lock.js';
import { requireUnused, takeUnusedLayers } from './usage.js';
import { withWorkspace } from './workspace.js';

/** @throws IsoError image.missing, image.in-use while a container made from it exists */
export async function removeImage(identity: OwnIdentity, reference: string): Promise<ImageRecord> {
  findImage(identity.store, reference);
  return await withWorkspace(identity, (workspace) =>
    withStoreLock(identity.store, () => {
      const image = findImage(identity.store, reference);
      requireUnused(identity, image.name, `cannot remove the image ${image.name}`);
      const others = listImages(identity.store).filter(({ name }) => name !== image.name);
      removeRecord(identity.store, image.name);
      takeUnusedLayers(identity.store, others, workspace);
      return image;
    }),
  );
}
