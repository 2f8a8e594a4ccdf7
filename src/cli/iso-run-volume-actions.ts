/** What the `iso-run volume` commands do: call the store and print. */
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { requireRoom } from '../image/space.js';
import { formatTable } from '../lib/text.js';
import { readPolicy } from '../policy/read-policy.js';
import { contentOf, createVolume, findVolume, listVolumes, removeVolume } from '../run/named-volumes.js';
import { parseLabel } from '../run/options/labels.js';
import { parseVolumeName } from '../run/options/volumes.js';
import { newContainerId } from '../run/records.js';
import type { VolumeRecord } from '../run/volume-record.js';
import { writeOut } from './write-out.js';

const lines = (names: readonly string[]) => writeOut(names.map((name) => `${name}\n`).join(''));

/** In the words of Podman and Docker. */
const shown = (identity: OwnIdentity, { name, created, labels, anonymous }: VolumeRecord) => ({
  Name: name,
  Driver: 'local',
  Mountpoint: contentOf(identity, name),
  CreatedAt: created,
  Labels: labels,
  Scope: 'local',
  Options: {},
  Anonymous: anonymous,
});

export async function create(name: string | undefined, { label = [] }: { label?: string[] }): Promise<void> {
  const identity = readOwnIdentity();
  const labels = label.map(parseLabel);
  const chosen = name === undefined ? newContainerId() : parseVolumeName(name, 'volume create');
  requireRoom(identity, (await readPolicy()).quota.refuse, `cannot make the volume ${chosen}`);
  await createVolume(identity, chosen, { labels, anonymous: name === undefined, isNew: true });
  lines([chosen]);
}

export function list({ quiet, json }: { quiet?: boolean; json?: boolean }): void {
  const identity = readOwnIdentity();
  const volumes = listVolumes(identity);
  if (json) writeOut(`${JSON.stringify(volumes.map((volume) => shown(identity, volume)))}\n`);
  else if (quiet) lines(volumes.map(({ name }) => name));
  else
    writeOut(
      `${formatTable(
        ['DRIVER', 'VOLUME NAME'],
        volumes.map(({ name }) => ['local', name]),
      )}\n`,
    );
}

export function inspect(names: readonly string[]): void {
  const identity = readOwnIdentity();
  const found = names.map((name) => findVolume(identity, parseVolumeName(name, 'volume inspect')));
  writeOut(
    `${JSON.stringify(
      found.map((volume) => shown(identity, volume)),
      undefined,
      2,
    )}\n`,
  );
}

export async function remove(names: readonly string[]): Promise<void> {
  const identity = readOwnIdentity();
  for (const name of names.map((one) => parseVolumeName(one, 'volume rm'))) {
    await removeVolume(identity, name);
    lines([name]);
  }
}
