/** `iso-run stats`: two looks at a container's cgroup to the figures that Podman shows. Pure. */
import type { CgroupUse } from '../facts/cgroup-use.js';
import { type Container, shortId } from './records.js';

/** One look; `use` is absent for a container without a cgroup of its own. */
export interface Look {
  container: Container;
  use?: CgroupUse;
  /** Milliseconds since the epoch. */
  at: number;
}

/** What cannot be known. */
const NONE = '--';

/** As Podman: decimal units, four digits. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}

const percent = (part: number | undefined, whole: number | undefined) =>
  part === undefined || !whole ? NONE : `${((part / whole) * 100).toFixed(2)}%`;

/** Of one processor, between the looks, or since the start when there is one look alone. */
function cpuPercent({ container, use, at }: Look, before: Look | undefined): string {
  const started = Date.parse(container.state.startedAt ?? '');
  const [since, used] = before?.use ? [before.at, before.use.cpuUsec ?? 0] : [started, 0];
  return use?.cpuUsec === undefined ? NONE : percent((use.cpuUsec - used) / 1000, at - since);
}

/** `host` bounds the memory of a container that has no limit. */
export function statsRow(look: Look, before: Look | undefined, host: { memory: number }) {
  const { record } = look.container;
  const use = look.use ?? {};
  const limit = Math.min(use.memoryLimit ?? host.memory, host.memory);
  return {
    ID: shortId(record.id),
    Name: record.name,
    CPUPerc: cpuPercent(look, before),
    AVGCPU: cpuPercent(look, undefined),
    MemUsage: `${formatBytes(use.memory)} / ${formatBytes(use.memory === undefined ? undefined : limit)}`,
    MemPerc: percent(use.memory, limit),
    // Of the container's own: it has no network but loopback.
    NetIO: '-- / --',
    BlockIO: `${formatBytes(use.readBytes)} / ${formatBytes(use.writtenBytes)}`,
    PIDS: use.pids === undefined ? NONE : String(use.pids),
  };
}
