/** `iso-run ps` as Podman prints it. Pure. */
import { formatTable } from '../lib/text.js';
import { type Container, shortId } from './records.js';

const UNITS: [seconds: number, name: string][] = [
  [86400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
];

/** `5 minutes`, for tables. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [size, name] = UNITS.find(([unit]) => seconds >= unit) ?? [1, 'second'];
  const count = Math.floor(seconds / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

function statusText({ state, running }: Container, now: number): string {
  const since = (time: string | undefined) => (time === undefined ? '' : formatAge(now - Date.parse(time)));
  if (running) return `Up ${since(state.startedAt)}`;
  if (state.status === 'exited') return `Exited (${state.exitCode ?? '?'}) ${since(state.finishedAt)} ago`;
  // A record that says "running" of a process that is gone: its launcher was killed.
  return state.status === 'running' ? 'Dead' : 'Created';
}

/** Table, ids or JSON. `now` in milliseconds since the epoch. */
export function formatContainers(list: Container[], flags: { quiet?: boolean; json?: boolean }, now: number): string {
  if (flags.json) {
    return `${JSON.stringify(list.map(({ record, state, running }) => ({ ...record, ...state, running })))}\n`;
  }
  if (flags.quiet) return list.map(({ record }) => `${shortId(record.id)}\n`).join('');
  const rows = list.map((container) => [
    shortId(container.record.id),
    container.record.image,
    container.record.command.join(' ').slice(0, 40),
    `${formatAge(now - Date.parse(container.record.created))} ago`,
    statusText(container, now),
    container.record.name,
  ]);
  return `${formatTable(['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'], rows)}\n`;
}
