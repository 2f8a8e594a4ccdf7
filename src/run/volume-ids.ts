/** What now lies where a container's volumes come from: each is looked at as a new container's is. */
import { basename } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readVolume, realPathOf } from '../facts/volumes.js';
import { IsoError } from '../lib/errors.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import { contentOf } from './named-volumes.js';
import { textOf } from './run-container.js';
import { secretFile } from './secrets.js';
import { type BoundVolume, bindStored, bindVolume, protectedDirectories, type StoredVolume } from './volumes.js';

interface Source {
  index: number;
  source: string;
  /** The directory of a volume by name; empty for one by path. */
  home: string;
  destination: string;
  origin: string;
}

/** What is the toolkit's own is known by where it lies: a volume by name, a secret. */
function storedAs({ source, home }: Source, identity: OwnIdentity): Pick<StoredVolume, 'named' | 'secret'> | undefined {
  const name = basename(home);
  if (home !== '' && source === contentOf(identity, name)) return { named: { name, adopts: false, own: false } };
  return source === secretFile(identity, basename(source)) ? { secret: true } : undefined;
}

function bind({ home, ...source }: Source, identity: OwnIdentity, hidden: readonly string[]): BoundVolume {
  const volume = { ...source, readOnly: false, noExec: false };
  const [facts, stored] = [readVolume(source.source), storedAs({ home, ...source }, identity)];
  if (!stored) return bindVolume(volume, facts, hidden);
  const bound = bindStored({ ...volume, ...stored } as StoredVolume, facts);
  if (bound.identity !== '') return bound;
  throw new IsoError(
    'volume.missing',
    `cannot bind ${source.source}`,
    `it was removed from the store (${source.origin})`,
  );
}

/** Device and inode of each source, for the plan that the container was created with. @throws IsoError volume.* */
export function readVolumeIds(plan: LaunchPlan, values: RunValues, identity: OwnIdentity): RunValues {
  const hidden = protectedDirectories(identity.home, identity.uid).map(realPathOf);
  const masked = plan.flatMap(({ op }) => (op[0] === 'mask' ? [op[1]] : []));
  return plan.flatMap(({ op, origin }) => {
    if (op[0] !== 'bind' || typeof op[1] !== 'object' || !op[1].argument.startsWith('volume.')) return [];
    const index = Number(op[1].argument.slice('volume.'.length));
    const source = textOf(values, op[1].argument);
    const home = textOf(values, `volume-home.${index}`);
    const bound = bind({ index, source, home, destination: op[2], origin }, identity, hidden);
    const isUncovered = bound.masks.some((path) => !masked.includes(path));
    const why = isUncovered ? 'it now holds what no container may see' : `it is now a link to ${bound.source}`;
    if (isUncovered || bound.source !== source)
      throw new IsoError('volume.refused', `cannot bind ${source} into a container`, `${why} (${origin})`);
    return [[`volume-id.${index}`, bound.identity] as const];
  });
}
