/** Takes a container's files away, whichever of the user's ids own them. */
import { existsSync, readdirSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { runConfined } from '../sys/launcher/confined.js';
import { forceEnd, recordLifecycle } from './end-container.js';
import { type Container, containerDirectory } from './records.js';

/** Removes the directory of a container that does not run. Files of subordinate ids need the user's own namespace. */
export async function removeContainerDirectory(identity: OwnIdentity, path: string): Promise<void> {
  try {
    rmSync(path, { recursive: true, force: true });
    return;
  } catch {
    // Something in it belongs to a subordinate id.
  }
  const binds = [{ source: dirname(path), target: '/containers', writable: true }];
  const argv = ['/usr/bin/rm', '-rf', '--one-file-system', '--', `/containers/${basename(path)}`];
  const { stderr } = await runConfined({ ids: identity.ids, argv, binds });
  if (existsSync(path))
    throw new IsoError('write.failed', `cannot remove ${path}`, stderr.trim() || 'rm left it behind');
}

/** The links by which a container holds its name or its categories (native/ops/records.c). */
function releaseClaims(folder: string, id: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (readlinkSync(`${folder}/${name}`) === `../containers/${id}`) unlinkSync(`${folder}/${name}`);
  }
}

/** All that a container which does not run has. While there is a file with its label, nobody else gets the categories. */
export async function removeContainerFiles(identity: OwnIdentity, id: string): Promise<void> {
  releaseClaims(`${identity.store}/names`, id);
  await removeContainerDirectory(identity, containerDirectory(identity.store, id));
  releaseClaims(`${identity.store}/pairs`, id);
}

/** Removes one container. @throws IsoError container.running unless `force` ends it first */
export async function removeContainer(identity: OwnIdentity, container: Container, force: boolean): Promise<void> {
  const { record, running, state } = container;
  if (running && !force) {
    throw new IsoError('container.running', `cannot remove ${record.name}`, `it runs as pid ${state.pid}`);
  }
  await forceEnd(identity, container);
  await removeContainerFiles(identity, record.id);
  recordLifecycle(container, 'container.remove', 'removed');
}
