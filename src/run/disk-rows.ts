/** `iso-run system df`: what images, containers and volumes take, and what of it nobody uses. Pure. */
import type { ImageRecord } from '../image/record.js';
import type { DiskUse } from './disk-use.js';
import type { Container } from './records.js';
import { formatBytes } from './stats-row.js';
import type { VolumeRecord } from './volume-record.js';

export interface Stored {
  images: readonly ImageRecord[];
  containers: readonly Container[];
  volumes: readonly VolumeRecord[];
}

const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
const digestOf = (layer: string) => layer.slice('sha256:'.length);

/** An image is known to containers by its whole name. */
export const isUsed = (image: ImageRecord, containers: readonly Container[]) =>
  containers.some(({ record }) => record.image === image.name);

export function containerSize({ record }: Container, use: DiskUse): number {
  return use.containers.get(record.id) ?? 0;
}

/** Layers that images share count once. */
export function layersSize(images: readonly ImageRecord[], use: DiskUse): number {
  const layers = new Set(images.flatMap((image) => image.layers.map(digestOf)));
  return sum([...layers].map((layer) => use.layers.get(layer) ?? 0));
}

function row(type: string, total: number, active: number, size: number, reclaimable: number) {
  const percent = size === 0 ? 0 : Math.round((reclaimable / size) * 100);
  return {
    Type: type,
    Total: total,
    Active: active,
    Size: formatBytes(size),
    Reclaimable: `${formatBytes(reclaimable)} (${percent}%)`,
    RawSize: size,
    RawReclaimable: reclaimable,
  };
}

export function diskRows({ images, containers, volumes }: Stored, use: DiskUse) {
  const usedImages = images.filter((image) => isUsed(image, containers));
  const running = containers.filter((one) => one.running);
  const named = new Set(containers.flatMap(({ record }) => record.volumes ?? []));
  const usedVolumes = volumes.filter(({ name }) => named.has(name));
  const imageSize = layersSize(images, use);
  const sizeOf = (list: readonly Container[]) => sum(list.map((one) => containerSize(one, use)));
  const volumeSize = (list: readonly VolumeRecord[]) => sum(list.map(({ name }) => use.volumes.get(name) ?? 0));
  const [all, active] = [sizeOf(containers), sizeOf(running)];
  const [every, used] = [volumeSize(volumes), volumeSize(usedVolumes)];
  return [
    row('Images', images.length, usedImages.length, imageSize, imageSize - layersSize(usedImages, use)),
    row('Containers', containers.length, running.length, all, all - active),
    row('Local Volumes', volumes.length, usedVolumes.length, every, every - used),
  ];
}
