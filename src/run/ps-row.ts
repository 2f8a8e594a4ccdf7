/** A container as `iso-run ps --format` has it, under Podman's names. Pure. */
import { formatAge } from '../lib/age.js';
import { type Container, shortId } from './records.js';

/** As in Podman; "Dead" is one whose monitor was killed, so that nobody knows how it ended. */
export function statusText({ state, running, paused }: Container, now: number): string {
  const since = (time: string | undefined) => (time === undefined ? '' : formatAge(now - Date.parse(time)));
  if (running) return `Up ${since(state.startedAt)}${paused ? ' (Paused)' : ''}`;
  if (state.status !== 'exited') return 'Created';
  return state.exitCode === undefined ? 'Dead' : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
}

export function psRow(container: Container, { now, noTrunc }: { now: number; noTrunc: boolean }) {
  const { record, state, running, paused } = container;
  const command = record.command.join(' ');
  const created = Date.parse(record.created);
  return {
    ID: noTrunc ? record.id : shortId(record.id),
    Image: record.image,
    Command: noTrunc ? command : command.slice(0, 40),
    CreatedAt: record.created,
    RunningFor: `${formatAge(now - created)} ago`,
    Created: `${formatAge(now - created)} ago`,
    Status: statusText(container, now),
    State: paused ? 'paused' : state.status,
    Names: record.name,
    Pid: running ? (state.pid ?? 0) : 0,
    ExitCode: state.exitCode ?? 0,
    Exited: state.status === 'exited',
    StartedAt: state.startedAt ?? '',
    ExitedAt: state.finishedAt ?? '',
    Labels: record.labels ?? {},
    Ports: '',
    Networks: '',
  };
}

/** The same as Podman's `--format json`: whole ids, lists and seconds. */
export function psJson(container: Container, now: number) {
  const { record, state } = container;
  const seconds = (time: string | undefined) => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000));
  return {
    ...psRow(container, { now, noTrunc: true }),
    Id: record.id,
    Names: [record.name],
    Command: record.command,
    Created: seconds(record.created),
    StartedAt: seconds(state.startedAt),
    ExitedAt: seconds(state.finishedAt),
  };
}
