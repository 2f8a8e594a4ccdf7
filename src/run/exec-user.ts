/** Whom a command in a container runs as, when it says so. */
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { findImage, layerPath } from '../image/store.js';
import { mappedIds } from '../lib/id-mapping.js';
import { readLayerFile } from './image-files.js';
import { type PayloadUser, resolveUser } from './image-user.js';
import { type Container, containerDirectory } from './records.js';

/** By the container's own files, as it changed them; an image that was removed meanwhile has none to add. */
export function readExecUser(identity: OwnIdentity, { record }: Container, user: string): PayloadUser {
  const { store, ids } = identity;
  const upper = join(containerDirectory(store, record.id), 'upper');
  const layers = findImage(store, record.image).layers.map((digest) => layerPath(store, digest));
  const read = (path: string) => readLayerFile([...layers, upper], path) ?? '';
  return resolveUser(user, read('etc/passwd'), read('etc/group'), { uid: mappedIds(ids.uid), gid: mappedIds(ids.gid) });
}
