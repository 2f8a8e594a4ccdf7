/** Volumes by name in the user's store: `volumes/NAME` with a record and the directory that containers see. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readVolume } from '../facts/volumes.js';
import { validateVolumeRecord } from '../generated/validators.js';
import { prepareStore } from '../image/store.js';
import { withStoreLock } from '../image/store-lock.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { recordEvent } from '../trail/record-event.js';
import type { Label } from './options/labels.js';
import type { Volume } from './options/volumes.js';
import { type Container, listContainers, newContainerId } from './records.js';
import { removeContainerDirectory } from './remove-container.js';
import { MAX_VOLUME_RECORD_BYTES, type VolumeRecord } from './volume-record.js';
import { type BoundVolume, bindStored, type StoredVolume } from './volumes.js';

type Store = Pick<OwnIdentity, 'store'>;

const volumesOf = ({ store }: Store) => join(store, 'volumes');
const directoryOf = (store: Store, name: string) => join(volumesOf(store), name);
/** What containers see of a volume. */
export const contentOf = (store: Store, name: string) => join(directoryOf(store, name), '_data');

function decode(text: string, name: string): VolumeRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return validateVolumeRecord(value) && (value as VolumeRecord).name === name ? (value as VolumeRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws IsoError volume.invalid */
function readRecord(store: Store, name: string): VolumeRecord | undefined {
  const file = join(directoryOf(store, name), 'volume.json');
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    const isSmall = stat.isFile() && stat.size <= MAX_VOLUME_RECORD_BYTES;
    const record = isSmall ? decode(readFileSync(fd, 'utf8'), name) : undefined;
    if (record) return record;
  } finally {
    closeSync(fd);
  }
  throw new IsoError('volume.invalid', `cannot use the volume ${name}`, `${file} is not its record`, {
    hint: `\`iso-run volume rm ${name}\` removes it`,
  });
}

const MAX_VOLUMES = 10_000;

/** All volumes by name. */
export function listVolumes(store: Store): VolumeRecord[] {
  let names: string[];
  try {
    names = readdirSync(volumesOf(store));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const known = names.sort().slice(0, MAX_VOLUMES);
  return known.flatMap((name) => readRecord(store, name) ?? []);
}

function missing(name: string): IsoError {
  return new IsoError('volume.missing', `cannot find the volume ${name}`, 'the store has none of this name', {
    hint: 'see `iso-run volume ls`',
  });
}

/** @throws IsoError volume.missing, volume.invalid */
export function findVolume(store: Store, name: string): VolumeRecord {
  const record = readRecord(store, name);
  if (record) return record;
  throw missing(name);
}

function tell(action: 'volume.create' | 'volume.remove', name: string): void {
  recordEvent({
    category: 'lifecycle',
    action,
    outcome: 'success',
    severity: 'info',
    message: `volume ${name} ${action === 'volume.create' ? 'made' : 'removed'}`,
    details: { volume: name },
  });
}

/** Whole or not at all: made aside and put in its place. */
function make(identity: OwnIdentity, record: VolumeRecord): void {
  const fresh = mkdtempSync(join(identity.store, 'tmp', 'volume-'));
  try {
    mkdirSync(join(fresh, '_data'));
    // As a new directory in a container is; the volume's own directory stays closed to others.
    chmodSync(join(fresh, '_data'), 0o755);
    writeFileSync(join(fresh, 'volume.json'), JSON.stringify(record), { mode: 0o600 });
    mkdirSync(volumesOf(identity), { recursive: true, mode: 0o700 });
    renameSync(fresh, directoryOf(identity, record.name));
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  tell('volume.create', record.name);
}

/** The volume of this name, made when there is none. `isNew` asks for one that was not there. @throws IsoError volume.exists */
export async function createVolume(
  identity: OwnIdentity,
  name: string,
  options: { labels?: readonly Label[]; anonymous?: boolean; isNew?: boolean } = {},
): Promise<VolumeRecord> {
  prepareStore(identity.store);
  return withStoreLock(identity.store, () => {
    const known = readRecord(identity, name);
    if (known && options.isNew) throw new IsoError('volume.exists', `cannot make the volume ${name}`, 'it exists');
    if (known) return known;
    const labels = Object.fromEntries((options.labels ?? []).map((label) => [label.name, label.value]));
    const created = new Date().toISOString();
    const record: VolumeRecord = { schema: 1, name, created, anonymous: options.anonymous ?? false, labels };
    if (Buffer.byteLength(JSON.stringify(record)) > MAX_VOLUME_RECORD_BYTES)
      throw new IsoError('usage.invalid', `cannot make the volume ${name}`, 'its labels are too long');
    make(identity, record);
    return record;
  });
}

/** The volumes of a command line with their places, which need not be there yet. */
export function placeVolumes(store: Store, volumes: readonly Volume[]): StoredVolume[] {
  return volumes.map((volume) => {
    const { named, ...rest } = volume;
    if (!named) return rest;
    const name = named.name ?? newContainerId();
    const own = named.name === undefined;
    return { ...rest, source: contentOf(store, name), named: { ...named, name, own } };
  });
}

/** Makes those that are missing, once all else of a run is known to be right. */
export async function makeVolumes(identity: OwnIdentity, volumes: readonly BoundVolume[]): Promise<BoundVolume[]> {
  const made: BoundVolume[] = [];
  for (const volume of volumes) {
    if (volume.named) await createVolume(identity, volume.named.name, { anonymous: volume.named.own });
    made.push(volume.named ? bindStored(volume, readVolume(volume.source)) : volume);
  }
  return made;
}

/** Names of volumes that containers have, also such as have ended. */
function usedVolumes({ home, uid }: OwnIdentity, without: readonly Container[] = []): Map<string, string> {
  const isGone = ({ record }: Container) => without.some((one) => one.record.id === record.id);
  const containers = listContainers(home, uid).filter((container) => !isGone(container));
  return new Map(
    containers.flatMap(({ record }) => (record.volumes ?? []).map((name) => [name, record.name] as const)),
  );
}

/** Also of one whose record cannot be read. @throws IsoError volume.missing, volume.in-use */
export async function removeVolume(identity: OwnIdentity, name: string): Promise<void> {
  if (!existsSync(directoryOf(identity, name))) throw missing(name);
  const aside = await withStoreLock(identity.store, () => {
    const user = usedVolumes(identity).get(name);
    if (user !== undefined)
      throw new IsoError('volume.in-use', `cannot remove the volume ${name}`, `the container ${user} has it`);
    const folder = mkdtempSync(join(identity.store, 'tmp', 'removed-'));
    renameSync(directoryOf(identity, name), join(folder, name));
    return folder;
  });
  await removeContainerDirectory(identity, aside);
  tell('volume.remove', name);
}

/** Volumes that no container has but those of `without`; only the ones without a name of their own, unless `all`. */
export function unusedVolumes(identity: OwnIdentity, all: boolean, without?: readonly Container[]): VolumeRecord[] {
  const used = usedVolumes(identity, without);
  return listVolumes(identity).filter(({ name, anonymous }) => (all || anonymous) && !used.has(name));
}

/** Of these volumes, which a container had, the ones without a name that no other has. */
export async function removeOwnVolumes(identity: OwnIdentity, names: readonly string[]): Promise<void> {
  for (const { name } of unusedVolumes(identity, false)) {
    if (names.includes(name)) await removeVolume(identity, name);
  }
}
