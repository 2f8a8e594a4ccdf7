/** `iso-run top`: the processes of a container, as /proc shows them in its pid namespace. */
import { readFileSync } from 'node:fs';
import { holdProcess, lazyPidsByNamespace, parseIdMap, parseStatus } from '../facts/processes.js';
import { formatDuration } from '../lib/age.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import type { IdMapping } from '../lib/id-mapping.js';
import { formatTable } from '../lib/text.js';
import { requireRunning } from './end-container.js';
import type { Container } from './records.js';

/** Of USER_HZ, which is 100 on every architecture that Debian has (time(7)). */
const TICKS = 100;

interface Shown {
  hostPid: number;
  /** Fields of proc(5) stat from the third on. */
  stat: readonly string[];
  status: string;
  args: string;
  comm: string;
  ids: readonly IdMapping[];
  uptime: number;
}

const line = (status: string, key: string) => new RegExp(`^${key}:\\t(.*)$`, 'm').exec(status)?.[1] ?? '';

/** An id of the host as the container has it. */
function idInside(id: number, ids: readonly IdMapping[]): string {
  const row = ids.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return row ? String(row.containerId + id - row.hostId) : '?';
}

const elapsed = ({ stat, uptime }: Shown) => Math.max(0, uptime - Number(stat[19]) / TICKS);
const used = ({ stat }: Shown) => (Number(stat[11]) + Number(stat[12])) / TICKS;
const uid = (shown: Shown) => idInside(parseStatus(shown.status).uids[0] ?? 0, shown.ids);
const inside = (status: string, key: string) => line(status, key).split('\t').at(-1) ?? '';

function terminal({ stat }: Shown): string {
  const device = Number(stat[4]);
  // Majors of pseudo-terminals (devices.txt); every other one is none of the container's.
  return device >>> 8 >= 136 && device >>> 8 <= 143 ? `pts/${(device & 0xff) | ((device >>> 12) & 0xfff00)}` : '?';
}

/** Descriptors as in podman-top(1), by the names they have there. */
const COLUMNS: Record<string, [heading: string, show: (shown: Shown, parent: string) => string]> = {
  user: ['USER', (one) => (uid(one) === '0' ? 'root' : uid(one))],
  uid: ['UID', uid],
  pid: ['PID', ({ status }) => inside(status, 'NSpid')],
  ppid: ['PPID', (_, parent) => parent],
  pgid: ['PGID', ({ status }) => inside(status, 'NSpgid')],
  hpid: ['HPID', ({ hostPid }) => String(hostPid)],
  huser: ['HUSER', ({ status }) => String(parseStatus(status).uids[0])],
  pcpu: ['%CPU', (one) => ((used(one) / Math.max(0.01, elapsed(one))) * 100).toFixed(3)],
  etime: ['ELAPSED', (one) => formatDuration(elapsed(one))],
  tty: ['TTY', terminal],
  time: ['TIME', (one) => formatDuration(used(one))],
  args: ['COMMAND', ({ args, comm }) => args || `[${comm}]`],
  comm: ['COMMAND', ({ comm }) => comm],
  state: ['STATE', ({ stat }) => stat[0] ?? '?'],
  nice: ['NI', ({ stat }) => stat[16] ?? '?'],
  vsz: ['VSZ', ({ stat }) => String(Math.floor(Number(stat[20]) / 1024))],
  seccomp: ['SECCOMP', ({ status }) => ['disabled', 'strict', 'filter'][parseStatus(status).seccomp] ?? '?'],
  capeff: ['EFFECTIVE CAPS', ({ status }) => parseStatus(status).capabilities.effective.join(',') || 'none'],
};

const DEFAULT = ['user', 'pid', 'ppid', 'pcpu', 'etime', 'tty', 'time', 'args'];

function readShown(hostPid: number, ids: readonly IdMapping[], uptime: number): Shown[] {
  try {
    const held = holdProcess(hostPid);
    try {
      const stat = held.read('stat');
      const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const args = held.read('cmdline').replace(/\0$/, '').replaceAll('\0', ' ');
      const comm = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      return [{ hostPid, stat: rest, status: held.read('status'), args, comm, ids, uptime }];
    } finally {
      held.close();
    }
  } catch (error) {
    // It ended meanwhile.
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}

function columnsOf(descriptors: readonly string[]) {
  const names = descriptors.flatMap((text) => text.split(',')).filter(Boolean);
  return (names.length > 0 ? names : DEFAULT).map((name) => {
    const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
    if (column) return column;
    throw new IsoError('usage.invalid', `cannot show ${name}`, `it is none of ${Object.keys(COLUMNS).join(', ')}`);
  });
}

/** A table of processes. @throws IsoError usage.invalid, container.state */
export function topContainer(container: Container, descriptors: readonly string[]): string {
  const columns = columnsOf(descriptors);
  const { pid } = requireRunning(container, 'show the processes of');
  const init = holdProcess(pid);
  try {
    const ids = parseIdMap(init.read('uid_map'));
    const pids = lazyPidsByNamespace()().get(init.link('ns/pid')) ?? [];
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    const shown = [...pids].sort((a, b) => a - b).flatMap((one) => readShown(one, ids, uptime));
    const inner = new Map(shown.map((one) => [String(one.hostPid), inside(one.status, 'NSpid')]));
    // As getppid(2) has it: 0 for a parent outside.
    const rows = shown.map((one) => columns.map(([, show]) => show(one, inner.get(one.stat[1] ?? '') ?? '0')));
    return `${formatTable(
      columns.map(([heading]) => heading),
      rows,
    )}\n`;
  } finally {
    init.close();
  }
}
