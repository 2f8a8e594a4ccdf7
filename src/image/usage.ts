/** What in a store is in use: images by containers, layers by images. */
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { readContainers } from '../facts/containers.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import type { ImageRecord } from './record.js';
import { parseReference } from './reference.js';
import { syncFolder } from './store.js';
import type { Workspace } from './workspace.js';

/** Directory names of layers that no record names. Pure. */
export function findUnused(layers: readonly string[], images: readonly ImageRecord[]): string[] {
  const used = new Set(images.flatMap((image) => image.layers));
  return layers.filter((layer) => !used.has(`sha256:${layer}`));
}

/** @throws IsoError image.in-use when a container, running or not, was made from the image */
export function requireUnused(identity: OwnIdentity, name: string, what: string): void {
  const users = readContainers(identity.home, identity.uid).filter(({ record }) => sameImage(record.image, name));
  if (users.length === 0) return;
  const names = users.slice(0, 3).map(({ record }) => record.name);
  const more = users.length > names.length ? ` and ${users.length - names.length} more` : '';
  throw new IsoError('image.in-use', what, `containers were made from it: ${names.join(', ')}${more}`);
}

function sameImage(reference: string, name: string): boolean {
  try {
    return parseReference(reference) === name;
  } catch {
    return false;
  }
}

/**
 * Takes all layers that none of `images`, the store's records, names out of the store and into the workspace, with which
 * they are removed. Under the store's lock. A command that dies in between leaves a workspace, which the next one sweeps.
 */
export function takeUnusedLayers(store: string, images: readonly ImageRecord[], workspace: Workspace): void {
  const layers = join(store, 'layers');
  for (const layer of findUnused(readdirSync(layers), images)) {
    renameSync(join(layers, layer), join(workspace.path, layer));
  }
  syncFolder(layers);
}
