/** `iso-run diff`: what a container changed of its image, by the upper layer of its overlay. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { findImage, layerPath } from '../image/store.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { readExtendedAttribute } from '../sys/extended-attribute.js';
import { runConfined } from '../sys/launcher/confined.js';
import { type Container, containerDirectory } from './records.js';

export type Kind = 'A' | 'C' | 'D';

export interface Change {
  kind: Kind;
  path: string;
}

/** What the launcher itself makes in each container. */
const OWN = ['/dev', '/proc', '/sys', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];

const isOwn = (path: string) => OWN.some((own) => path === own || path.startsWith(`${own}/`));

/** Marks of a deleted name, and of a directory whose lower content is gone, as AUFS and fuse-overlayfs write them. */
const WHITEOUT = '.wh.';
const OPAQUE = ['.wh..wh..opq', '.wh..opq'];

interface Entry {
  /** As find(1) has it: `f` file, `d` directory, `l` link, `c` device. */
  type: string;
  path: string;
}

/** Walked by a confined find(1): files belong to any of the user's ids, and names are the container's. */
async function listUpper({ ids }: OwnIdentity, upper: string): Promise<Entry[]> {
  const argv = ['/usr/bin/find', '/upper', '-mindepth', '1', '-printf', '%y/%P\\0'];
  const binds = [{ source: upper, target: '/upper', writable: false }];
  const { status, stdout, stderr } = await runConfined({ ids, argv, binds });
  if (status !== 0 || (stdout !== '' && !stdout.endsWith('\0'))) {
    const why = status === 0 ? 'it has more changes than can be listed' : stderr.trim().split('\n')[0];
    throw new IsoError('tool.failed', 'cannot list the changes of the container', why || `find ended with ${status}`);
  }
  return stdout
    .split('\0')
    .filter(Boolean)
    .map((line) => ({ type: line[0] ?? '', path: line.slice(1) }));
}

/** True when a layer has the path, without following a link of the image. */
function hasPath(layer: string, path: string): boolean {
  let at = layer;
  for (const name of path.split('/').filter(Boolean)) {
    try {
      if (lstatSync(at).isSymbolicLink()) return false;
      at = join(at, name);
      lstatSync(at);
    } catch (error) {
      // What may not be looked into is another id's, and there.
      return hasErrno(error, 'EACCES');
    }
  }
  return true;
}

function namesIn(layer: string, path: string): string[] {
  try {
    return hasPath(layer, path) ? readdirSync(join(layer, path)) : [];
  } catch {
    return [];
  }
}

/** What an opaque directory hides of the layers, and the upper layer does not have again. */
function hiddenBy(directory: string, layers: readonly string[], entries: ReadonlySet<string>): Change[] {
  const lower = new Set(layers.flatMap((layer) => namesIn(layer, directory)));
  const paths = [...lower].map((name) => join(directory, name));
  return paths.filter((path) => !entries.has(path)).map((path) => ({ kind: 'D', path }));
}

const ATTRIBUTES = ['user.overlay.opaque', 'user.fuseoverlayfs.opaque'];

const isOpaque = (path: string) => ATTRIBUTES.some((name) => readExtendedAttribute(path, name)?.toString() === 'y');

interface Walk {
  upper: string;
  layers: readonly string[];
  entries: ReadonlySet<string>;
}

function changesOf({ type, path }: Entry, { upper, layers, entries }: Walk): Change[] {
  const at = path.lastIndexOf('/') + 1;
  const [directory, name] = [path.slice(0, at), path.slice(at)];
  if (OPAQUE.includes(name)) return hiddenBy(directory, layers, entries);
  if (name.startsWith(WHITEOUT)) return [{ kind: 'D', path: `${directory}${name.slice(WHITEOUT.length)}` }];
  // No user can make another device than a whiteout.
  if (type === 'c') return [{ kind: 'D', path }];
  const kind = layers.some((layer) => hasPath(layer, path)) ? 'C' : 'A';
  const hidden = type === 'd' && kind === 'C' && isOpaque(join(upper, path)) ? hiddenBy(path, layers, entries) : [];
  return [{ kind, path }, ...hidden];
}

/** In the order of paths. @throws IsoError image.missing, tool.failed */
export async function diffContainer(identity: OwnIdentity, { record }: Container): Promise<Change[]> {
  const { store } = identity;
  const layers = findImage(store, record.image).layers.map((digest) => layerPath(store, digest));
  const upper = join(containerDirectory(store, record.id), 'upper');
  const entries = await listUpper(identity, upper);
  const walk = { upper, layers, entries: new Set(entries.map(({ path }) => path)) };
  // By path, since a directory may be marked in two ways.
  const changes = new Map(entries.flatMap((entry) => changesOf(entry, walk)).map((change) => [change.path, change]));
  return [...changes.values()].filter(({ path }) => !isOwn(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
}
