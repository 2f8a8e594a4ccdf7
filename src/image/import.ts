/** Makes an image of an archive: all of it or nothing. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { type Archive, openArchive } from './archive.js';
import { extractLayer, type Layer, placeLayer } from './layer.js';
import type { ImageConfig, ImageRecord } from './record.js';
import { parseReference } from './reference.js';
import { requireFit } from './space.js';
import { listImages, lookUpImage, writeRecord } from './store.js';
import { withStoreLock } from './store-lock.js';
import { requireUnused, takeUnusedLayers } from './usage.js';
import { type Workspace, withWorkspace } from './workspace.js';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ImportRequest {
  /** Path of the archive, `-` for standard input. */
  file: string;
  name: string;
  /** For people: what the image was made from. */
  source: string;
  /** Replace another image of this name. */
  force: boolean;
  /** Ends the import; what was made of it is removed. */
  signal?: AbortSignal;
  /** Bytes of the archive read so far, and its size where that is known. */
  onProgress?: (read: number, expected: number | undefined) => void;
}

export interface ImportResult {
  image: ImageRecord;
  /** False when the very same image was there already. */
  changed: boolean;
}

/** True when `path` exists below the root without following any link out of it: every directory on the way is a real one. */
function hasFile(root: string, ...path: string[]): boolean {
  let at = root;
  for (const part of path) {
    at = join(at, part);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    if (!stat.isDirectory()) return part === path.at(-1);
  }
  return true;
}

/** An archive of a file system says nothing about what to run; a shell is what people expect where there is one. */
function defaultConfig(root: string): ImageConfig {
  const shell = hasFile(root, 'bin', 'sh') || hasFile(root, 'usr', 'bin', 'sh');
  return { env: [PATH], entrypoint: [], cmd: shell ? ['/bin/sh'] : [], workdir: '/', user: '' };
}

function store(identity: OwnIdentity, workspace: Workspace, layer: Layer, request: ImportRequest): ImageRecord {
  const image: ImageRecord = {
    schema: 1,
    name: parseReference(request.name),
    layers: [layer.digest],
    created: new Date().toISOString(),
    size: layer.bytes,
    source: request.source.slice(0, 1024),
    config: defaultConfig(workspace.root),
  };
  // A damaged record is an error before the first change: what it names cannot be told from what is unused.
  const others = listImages(identity.store).filter(({ name }) => name !== image.name);
  placeLayer(identity, workspace, layer);
  writeRecord(identity.store, image);
  takeUnusedLayers(identity.store, [...others, image], workspace);
  return image;
}

function requireReplaceable(identity: OwnIdentity, request: ImportRequest, digest: string): ImageRecord | undefined {
  const present = lookUpImage(identity.store, request.name);
  if (present === undefined) return undefined;
  if (present.layers.length === 1 && present.layers[0] === digest) return present;
  const what = `cannot store the image ${present.name}`;
  if (!request.force) {
    throw new IsoError('image.exists', what, `another image of this name was made from ${present.source}`, {
      hint: 'choose another name, or replace the image with --force',
    });
  }
  requireUnused(identity, present.name, what);
  return undefined;
}

/** Reads the archive for its digest alone. */
async function digestOf(archive: Archive): Promise<string> {
  await finished(archive.bytes.resume());
  return archive.digest();
}

async function importArchive(identity: OwnIdentity, archive: Archive, request: ImportRequest): Promise<ImportResult> {
  // A name that is taken is refused, or found to be the same image, before anything is extracted.
  if (!request.force && lookUpImage(identity.store, request.name) !== undefined) {
    const present = requireReplaceable(identity, request, await digestOf(archive));
    if (present !== undefined) return { image: present, changed: false };
  }
  return await withWorkspace(identity, async (workspace) => {
    requireFit(workspace.root, archive.expected, `cannot import ${archive.label}`);
    const layer = await extractLayer(identity, workspace, archive, request.signal);
    request.signal?.throwIfAborted();
    return await withStoreLock(identity.store, () => {
      const present = requireReplaceable(identity, request, layer.digest);
      if (present !== undefined) return { image: present, changed: false };
      return { image: store(identity, workspace, layer, request), changed: true };
    });
  });
}

/**
 * Imports a tar archive of a root file system under a name.
 * @throws IsoError usage.invalid, archive.missing, image.invalid, image.exists, image.in-use, tool.missing, write.failed
 */
export async function importImage(identity: OwnIdentity, request: ImportRequest): Promise<ImportResult> {
  parseReference(request.name);
  let expected: number | undefined;
  const archive = await openArchive(request.file, (read) => request.onProgress?.(read, expected));
  expected = archive.expected;
  // Ends a read that waits for a pipe, on which everything else waits.
  const abort = () => void archive.close();
  request.signal?.addEventListener('abort', abort, { once: true });
  try {
    return await importArchive(identity, archive, request);
  } finally {
    request.signal?.removeEventListener('abort', abort);
    await archive.close();
  }
}
