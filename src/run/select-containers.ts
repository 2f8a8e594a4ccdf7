/** Which containers a command means: names, ids and beginnings of ids, all of them, or the latest. Pure. */
import { IsoError } from '../lib/errors.js';
import { type Container, findContainer } from './records.js';

export interface Selection {
  all?: boolean;
  latest?: boolean;
  /** What is not there is no error. */
  ignore?: boolean;
}

export interface Selected {
  container: Container;
  /** As the caller named it, which is how Podman names it back. */
  shown: string;
}

function find(containers: readonly Container[], reference: string, ignore: boolean | undefined): Selected[] {
  try {
    return [{ container: findContainer(containers, reference), shown: reference }];
  } catch (error) {
    if (ignore && error instanceof IsoError && error.code === 'container.missing') return [];
    throw error;
  }
}

/**
 * `containers` oldest first. One that is named twice is one.
 * @throws IsoError container.missing before anything is done, usage.invalid
 */
export function selectContainers(
  containers: readonly Container[],
  references: readonly string[],
  { all, latest, ignore }: Selection,
): Selected[] {
  const ways = [references.length > 0, all, latest].filter(Boolean).length;
  if (ways !== 1) {
    const why = ways === 0 ? 'none is named' : 'names, --all and --latest exclude each other';
    throw new IsoError('usage.invalid', 'cannot tell which containers are meant', why);
  }
  const unnamed = (container: Container) => ({ container, shown: container.record.id });
  if (all) return containers.map(unnamed);
  if (latest) {
    const last = containers.at(-1);
    if (last) return [unnamed(last)];
    throw new IsoError('container.missing', 'cannot find the latest container', 'there is none');
  }
  const seen = new Set<string>();
  return references
    .flatMap((reference) => find(containers, reference, ignore))
    .filter(({ container: { record } }) => !seen.has(record.id) && seen.add(record.id));
}
