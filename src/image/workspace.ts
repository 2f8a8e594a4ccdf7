/**
 * A directory below the store's `tmp/` in which a layer is made or unmade. Its maker holds a lock on it; one without a
 * lock was left by a command that died, and whoever makes the next one removes it.
 */
import { chmodSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { tryLock } from '../sys/flock.js';
import { emptyDirectory } from './confined-tools.js';
import { prepareStore } from './store.js';
import { withStoreLock } from './store-lock.js';

export type StoreOwner = Pick<OwnIdentity, 'store' | 'ids'>;

export interface Workspace {
  path: string;
  /** Where a root file system goes: an empty directory of the user. */
  root: string;
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

async function removeTree(owner: StoreOwner, path: string): Promise<void> {
  await emptyDirectory({ ids: owner.ids, directory: path });
  rmdirSync(path);
}

/** Takes the workspaces that nobody holds; the lock on each keeps a second sweeper away. */
function takeAbandoned(tmp: string): { path: string; fd: number }[] {
  const taken: { path: string; fd: number }[] = [];
  for (const name of readdirSync(tmp)) {
    const path = join(tmp, name);
    try {
      const fd = openDirectory(path);
      if (tryLock(fd)) taken.push({ path, fd });
      else closeSync(fd);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    }
  }
  return taken;
}

/**
 * Runs `work` in a new workspace and removes that with all that is in it. An error of the work counts more than one of
 * the removal: what stays behind has no holder, and the next command sweeps it.
 */
export async function withWorkspace<T>(owner: StoreOwner, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await makeWorkspace(owner);
  let result: T;
  try {
    result = await work(workspace);
  } catch (error) {
    await workspace.remove().catch(() => undefined);
    throw error;
  }
  await workspace.remove();
  return result;
}

/** Makes the store where it is missing, sweeps what dead commands left, and makes a workspace. */
async function makeWorkspace(owner: StoreOwner): Promise<Workspace & { remove(): Promise<void> }> {
  const tmp = join(owner.store, 'tmp');
  try {
    prepareStore(owner.store);
  } catch (error) {
    throw new IsoError('write.failed', `cannot make the image store ${owner.store}`, String(error), { cause: error });
  }
  const { path, fd, abandoned } = await withStoreLock(owner.store, () => {
    const abandoned = takeAbandoned(tmp);
    const path = mkdtempSync(join(tmp, 'layer-'));
    const fd = openDirectory(path);
    tryLock(fd);
    return { path, fd, abandoned };
  });
  for (const left of abandoned) {
    // Best effort: what cannot be removed, an owner beyond today's ranges say, must not end every import from now on.
    await removeTree(owner, left.path).catch(() => undefined);
    closeSync(left.fd);
  }
  const root = join(path, 'root');
  mkdirSync(root);
  chmodSync(root, 0o755);
  return { path, root, remove: () => removeTree(owner, path).finally(() => closeSync(fd)) };
}
