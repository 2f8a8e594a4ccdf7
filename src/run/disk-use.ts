/** What the store of a user takes on disk. Many files are of subordinate ids, so it is counted in the user's own namespace. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { prepareStore } from '../image/store.js';
import { IsoError } from '../lib/errors.js';
import { runConfined } from '../sys/launcher/confined.js';

const PARTS = ['containers', 'layers', 'volumes'] as const;

export interface DiskUse {
  /** Bytes: of what a container wrote by its id, of a layer by its digest without `sha256:`, of a volume by its name. */
  containers: ReadonlyMap<string, number>;
  layers: ReadonlyMap<string, number>;
  volumes: ReadonlyMap<string, number>;
}

/** Lines of du(1) for what lies right below a part. Pure. */
export function parseDiskUse(output: string): DiskUse {
  const sizes = { containers: new Map(), layers: new Map(), volumes: new Map() };
  for (const line of output.split('\0')) {
    const [, bytes, part, name] = /^(\d+)\t\/(containers|layers|volumes)\/([^/]+)$/s.exec(line) ?? [];
    if (part !== undefined) sizes[part as (typeof PARTS)[number]].set(name, Number(bytes));
  }
  return sizes;
}

/** @throws IsoError tool.failed */
export async function readDiskUse(identity: OwnIdentity): Promise<DiskUse> {
  prepareStore(identity.store);
  mkdirSync(join(identity.store, 'volumes'), { recursive: true, mode: 0o700 });
  const binds = PARTS.map((part) => ({ source: join(identity.store, part), target: `/${part}`, writable: false }));
  const options = ['--null', '--one-file-system', '--block-size=1', '--max-depth=1'];
  const argv = ['/usr/bin/du', ...options, '--', ...PARTS.map((part) => `/${part}`)];
  // Files of containers that run come and go: du says so and counts the rest.
  const { status, stdout, stderr } = await runConfined({ ids: identity.ids, argv, binds });
  if (status <= 1) return parseDiskUse(stdout);
  throw new IsoError('tool.failed', 'cannot count what the store takes', stderr.trim() || `du ended with ${status}`);
}
