/** Makes a layer of an archive: extracted in a workspace, judged, measured, then renamed into place, or not there at all. */
import { existsSync, lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import type { Archive } from './archive.js';
import { DECOMPRESSORS, extractTar, findForbidden, flushTree, measureTree, ownRoot } from './confined-tools.js';
import { findExcess, MAX_LAYER_BYTES, watchRoom } from './space.js';
import { layerPath, syncFolder } from './store.js';
import type { StoreOwner, Workspace } from './workspace.js';

export interface Layer {
  digest: string;
  /** Bytes on disk. */
  bytes: number;
}

function refusal(archive: Archive, why: string, hint?: string): IsoError {
  return new IsoError('image.invalid', `cannot import ${archive.label}`, why, { hint });
}

function requireDecompressor(archive: Archive): void {
  const tool = DECOMPRESSORS[archive.compression];
  if (tool === undefined || existsSync(tool.file)) return;
  throw new IsoError('tool.missing', `cannot import ${archive.label}`, `${tool.file} is not installed`, {
    hint: `apt-get install ${tool.package}`,
  });
}

/** Judges the top of a tree that must be a root file system. Pure. */
export function judgeTop(
  entries: readonly { name: string; directory: boolean }[],
): { why: string; hint?: string } | undefined {
  const files = new Set(entries.filter((entry) => !entry.directory).map((entry) => entry.name));
  const directories = new Set(entries.filter((entry) => entry.directory).map((entry) => entry.name));
  const hint = 'import the output of `podman export` or `docker export` of a container instead';
  if (files.has('oci-layout')) return { why: 'it is an OCI image layout, which is not supported yet', hint };
  if (files.has('manifest.json') && !directories.has('etc') && !directories.has('usr')) {
    return { why: 'it is the output of `docker save`, which is not supported yet', hint };
  }
  if (directories.size === 0) return { why: 'it holds no directory: it is not a root file system' };
  return undefined;
}

function requireRootFileSystem(archive: Archive, root: string, inode: number): void {
  const stat = lstatSync(root);
  if (!stat.isDirectory() || stat.ino !== inode) throw refusal(archive, 'it replaces its own root directory');
  const entries = readdirSync(root, { withFileTypes: true });
  const problem = judgeTop(entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() })));
  if (problem !== undefined) throw refusal(archive, problem.why, problem.hint);
}

/** Runs the extraction under watch; returns only when the tree is complete and nothing about the archive was odd. */
async function extractWatched(owner: StoreOwner, root: string, archive: Archive, signal?: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort, { once: true });
  const endWatch = watchRoom(root, `cannot import ${archive.label}`, abort);
  let problem: string | undefined;
  try {
    problem = await extractTar({ ids: owner.ids, directory: root }, archive, MAX_LAYER_BYTES, stop.signal);
  } finally {
    signal?.removeEventListener('abort', abort);
    const excess = endWatch();
    // biome-ignore lint/correctness/noUnsafeFinally: a full disk is the cause of whatever else went wrong
    if (excess !== undefined) throw excess;
  }
  signal?.throwIfAborted();
  if (archive.bytes.errored) throw archive.bytes.errored;
  if (problem !== undefined) throw refusal(archive, problem);
}

/**
 * Extracts the archive into the workspace's root; nothing is in the store's `layers/` yet.
 * @throws IsoError image.invalid, tool.missing, tool.failed, write.failed
 */
export async function extractLayer(
  owner: StoreOwner,
  workspace: Workspace,
  archive: Archive,
  signal?: AbortSignal,
): Promise<Layer> {
  requireDecompressor(archive);
  const tools = { ids: owner.ids, directory: workspace.root };
  const inode = lstatSync(workspace.root).ino;
  await extractWatched(owner, workspace.root, archive, signal);
  const digest = archive.digest();
  const forbidden = await findForbidden(tools);
  if (forbidden !== undefined) throw refusal(archive, `it holds a device node or a whiteout: ${forbidden}`);
  await ownRoot(tools);
  requireRootFileSystem(archive, workspace.root, inode);
  const size = await measureTree(tools);
  const excess = findExcess(size);
  if (excess !== undefined) throw refusal(archive, excess);
  await flushTree(tools);
  return { digest, bytes: size.bytes };
}

/** Renames the extracted root into place; a layer of that digest which is there already stays. Under the store's lock. */
export function placeLayer(owner: StoreOwner, workspace: Workspace, layer: Layer): void {
  const target = layerPath(owner.store, layer.digest);
  if (existsSync(target)) return;
  renameSync(workspace.root, target);
  syncFolder(join(owner.store, 'layers'));
}
