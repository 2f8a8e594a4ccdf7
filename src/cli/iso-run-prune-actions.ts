/** What the commands do that remove what nobody uses; without `--force` they say what that is. */
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import type { ImageRecord } from '../image/record.js';
import { listImages } from '../image/store.js';
import { IsoError } from '../lib/errors.js';
import { containerSize, layersSize } from '../run/disk-rows.js';
import { readDiskUse } from '../run/disk-use.js';
import { removeVolume, unusedVolumes } from '../run/named-volumes.js';
import { pruneContainer, unusedContainers, unusedImages } from '../run/prune.js';
import { parsePruneFilters } from '../run/prune-filters.js';
import type { Container } from '../run/records.js';
import { formatBytes } from '../run/stats-row.js';
import type { PruneFlags } from './iso-run-system.js';
import { writeOut } from './write-out.js';

const filterOf = ({ filter = [] }: PruneFlags) => parsePruneFilters(filter, Date.now());

/** Calls `remove` for each; those that were removed. What is used meanwhile stays, as does what is gone. */
async function removeEach<T>(list: readonly T[], remove: (one: T) => Promise<unknown>): Promise<T[]> {
  const removed: T[] = [];
  for (const one of list) {
    try {
      if ((await remove(one)) !== false) removed.push(one);
    } catch (error) {
      const isUsed = error instanceof IsoError && /^(image|volume)\.(in-use|missing)$/.test(error.code);
      if (!isUsed) throw error;
    }
  }
  return removed;
}

const removeContainers = (identity: OwnIdentity, list: readonly Container[]) =>
  removeEach(list, (one) => pruneContainer(identity, one));

async function removeImages(list: readonly ImageRecord[]): Promise<ImageRecord[]> {
  const { removeRecorded } = await import('./iso-run-image-actions.js');
  return removeEach(list, ({ name }) => removeRecorded(name));
}

const removeVolumes = (identity: OwnIdentity, names: readonly string[]) =>
  removeEach(names, (name) => removeVolume(identity, name));

const print = (lines: readonly string[]) => writeOut(lines.map((line) => `${line}\n`).join(''));

export async function pruneContainers(flags: PruneFlags): Promise<void> {
  const identity = readOwnIdentity();
  const found = unusedContainers(identity, filterOf(flags));
  const shown = flags.force ? await removeContainers(identity, found) : found;
  print(shown.map(({ record }) => record.id));
}

export async function pruneImages(flags: PruneFlags): Promise<void> {
  const fits = filterOf(flags);
  const found = flags.all ? unusedImages(readOwnIdentity()).filter(fits) : [];
  print((flags.force ? await removeImages(found) : found).map(({ name }) => name));
}

export async function pruneVolumes(flags: PruneFlags): Promise<void> {
  const identity = readOwnIdentity();
  const found = unusedVolumes(identity, flags.all ?? false).filter(filterOf(flags));
  const names = found.map(({ name }) => name);
  print(flags.force ? await removeVolumes(identity, names) : names);
}

/** Volumes of containers that go are found once these are gone; a mere look counts those containers out. */
export async function pruneSystem(flags: PruneFlags): Promise<void> {
  const identity = readOwnIdentity();
  const fits = filterOf(flags);
  const use = await readDiskUse(identity);
  const before = listImages(identity.store);
  const found = unusedContainers(identity, fits);
  const containers = flags.force ? await removeContainers(identity, found) : found;
  const unused = flags.all ? unusedImages(identity, containers).filter(fits) : [];
  const images = flags.force ? await removeImages(unused) : unused;
  const free = flags.volumes ? unusedVolumes(identity, false, containers).filter(fits) : [];
  const names = free.map(({ name }) => name);
  const volumes = flags.force ? await removeVolumes(identity, names) : names;
  const section = (title: string, lines: readonly string[]) => print(lines.length === 0 ? [] : [title, ...lines]);
  const word = flags.force ? 'Deleted' : 'Unused';
  section(
    `${word} Containers`,
    containers.map(({ record }) => record.id),
  );
  section(
    `${word} Images`,
    images.map(({ name }) => name),
  );
  section(`${word} Volumes`, volumes);
  const kept = before.filter(({ name }) => !images.some((image) => image.name === name));
  const sizes = [
    ...containers.map((one) => containerSize(one, use)),
    // What they share with others stays.
    layersSize(before, use) - layersSize(kept, use),
    ...volumes.map((name) => use.volumes.get(name) ?? 0),
  ];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  print([`Total ${flags.force ? 'reclaimed' : 'reclaimable'} space: ${formatBytes(total)}`]);
}
