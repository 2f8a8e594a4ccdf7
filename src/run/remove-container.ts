/** Takes a container's files away, whichever of the user's ids own them. */
import { existsSync, readdirSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { runConfined } from '../sys/launcher/confined.js';
import { recordEvent } from '../trail/record-event.js';
import { type Container, findContainer, listContainers } from './records.js';

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

/** The links by which a container holds its name and its categories (native/ops/records.c). */
function releaseClaims(store: string, id: string): void {
  for (const folder of [`${store}/names`, `${store}/pairs`]) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      if (readlinkSync(`${folder}/${name}`) === `../containers/${id}`) unlinkSync(`${folder}/${name}`);
    }
  }
}

const TERM_WAIT_MS = 50;

async function killContainer({ state, record }: Container): Promise<void> {
  if (state.pid === undefined) return;
  // The container's pid 1: with it the kernel ends every process of its namespace.
  process.kill(state.pid, 'SIGKILL');
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      process.kill(state.pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, TERM_WAIT_MS));
  }
  throw new IsoError('container.running', `cannot end ${record.name}`, 'it did not end within 5 seconds');
}

/** Removes containers; their names. @throws IsoError container.missing, container.running */
export async function removeContainers(identity: OwnIdentity, references: string[], force: boolean): Promise<string[]> {
  const all = listContainers(identity.home, identity.uid);
  const chosen = references.map((reference) => findContainer(all, reference));
  for (const container of chosen) {
    const { record, running } = container;
    if (running && !force) {
      throw new IsoError('container.running', `cannot remove ${record.name}`, `it runs as pid ${container.state.pid}`);
    }
    if (running) await killContainer(container);
    await removeContainerDirectory(identity, `${identity.store}/containers/${record.id}`);
    releaseClaims(identity.store, record.id);
    recordEvent({
      category: 'lifecycle',
      action: 'container.remove',
      outcome: 'success',
      severity: 'info',
      message: `container ${record.name} removed`,
      container: { id: record.id, name: record.name, image: record.image },
    });
  }
  return chosen.map(({ record }) => record.name);
}
