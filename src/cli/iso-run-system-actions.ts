/** What the `iso-run system` commands do. */
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import type { ImageRecord } from '../image/record.js';
import { listImages } from '../image/store.js';
import { IsoError } from '../lib/errors.js';
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { formatTree } from '../lib/format-tree.js';
import { formatTable } from '../lib/text.js';
import { readPolicy } from '../policy/read-policy.js';
import { describeSystem } from '../run/describe-system.js';
import { containerSize, diskRows, layersSize, type Stored } from '../run/disk-rows.js';
import { type DiskUse, readDiskUse } from '../run/disk-use.js';
import { listVolumes } from '../run/named-volumes.js';
import { statusText } from '../run/ps-row.js';
import { listContainers, shortId } from '../run/records.js';
import { formatBytes } from '../run/stats-row.js';
import type { DescribeFlags, DiskFlags } from './iso-run-system.js';
import { writeOut } from './write-out.js';

/** Templates name fields as Go does, JSON as Podman prints them. */
function withGoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGoNames);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, one]) => [`${key.charAt(0).toUpperCase()}${key.slice(1)}`, one]);
  return Object.fromEntries(members.map(([key, one]) => [key, withGoNames(one)]));
}

export async function info({ format, json }: DescribeFlags): Promise<void> {
  const template = format === undefined || format === 'json' ? undefined : parseTemplate(format);
  const described = await describeSystem(readOwnIdentity(), await readPolicy(), __VERSION__);
  if (template) writeOut(formatValues(template, [withGoNames(described)]));
  else if (json || format === 'json') writeOut(`${JSON.stringify(described, null, 2)}\n`);
  else writeOut(formatTree(described));
}

function readStored(): { identity: OwnIdentity; stored: Stored } {
  const identity = readOwnIdentity();
  const containers = listContainers(identity.home, identity.uid);
  return { identity, stored: { images: listImages(identity.store), containers, volumes: listVolumes(identity) } };
}

const TABLE = 'table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}';

function printEach({ images, containers, volumes }: Stored, use: DiskUse): void {
  const table = (title: string, header: string[], rows: string[][]) =>
    writeOut(`${title}\n\n${formatTable(header, rows)}\n`);
  const users = (image: ImageRecord) => String(containers.filter(({ record }) => record.image === image.name).length);
  const imageRows = images.map((image) => [image.name, formatBytes(layersSize([image], use)), users(image)]);
  table('Images space usage:', ['NAME', 'SIZE', 'CONTAINERS'], imageRows);
  const containerRows = containers.map((one) => [
    shortId(one.record.id),
    one.record.image,
    formatBytes(containerSize(one, use)),
    statusText(one, Date.now()),
    one.record.name,
  ]);
  table('\nContainers space usage:', ['CONTAINER ID', 'IMAGE', 'SIZE', 'STATUS', 'NAME'], containerRows);
  const links = (name: string) => String(containers.filter(({ record }) => record.volumes?.includes(name)).length);
  const volumeRows = volumes.map(({ name }) => [name, links(name), formatBytes(use.volumes.get(name) ?? 0)]);
  table('\nLocal Volumes space usage:', ['VOLUME NAME', 'LINKS', 'SIZE'], volumeRows);
}

export async function diskUse({ format, json, verbose }: DiskFlags): Promise<void> {
  if (verbose && (format !== undefined || json))
    throw new IsoError('usage.invalid', 'cannot use --verbose', 'it excludes --format and --json');
  const template = parseTemplate(format === undefined || format === 'json' ? TABLE : format);
  const { identity, stored } = readStored();
  const use = await readDiskUse(identity);
  const rows = diskRows(stored, use);
  if (verbose) printEach(stored, use);
  else if (json || format === 'json') writeOut(`${JSON.stringify(rows, null, 2)}\n`);
  else writeOut(formatValues(template, rows));
}
