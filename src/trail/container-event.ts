/** Events of containers as `iso-run events` shows them, under Podman's names. Pure. */
import type { TrailEvent } from './event.js';

export interface ContainerEvent {
  Time: string;
  Type: 'container';
  /** `start` of `container.start`. */
  Status: string;
  ID: string;
  Name: string;
  Image: string;
  Outcome: TrailEvent['outcome'];
  Attributes: Record<string, string | number | boolean>;
}

/** What the end of a container tells of its limits, as events of their own: Docker's `oom`, and the same of tasks. */
const REACHED = [
  ['oomKilled', 'oom'],
  ['pidsRefused', 'pids'],
] as const;

/** What one event of the trail is to the container; none for an event of something else. */
export function containerEvents({ time, action, outcome, container, details = {} }: TrailEvent): ContainerEvent[] {
  const [, status] = /^container\.(.+)$/.exec(action) ?? [];
  if (status === undefined || !container) return [];
  const { id, name, image } = container;
  const event = (Status: string, Outcome: TrailEvent['outcome']): ContainerEvent => ({
    Time: time,
    Type: 'container',
    Status,
    ID: id,
    Name: name,
    Image: image,
    Outcome,
    Attributes: details,
  });
  const reached = status === 'exit' ? REACHED.filter(([detail]) => details[detail]) : [];
  return [...reached.map(([, limit]) => event(limit, 'failure')), event(status, outcome)];
}

/** `2026-01-31T08:00:00.000Z container start ID (image=…, name=…)`; not yet safe for a terminal. */
export function eventLine({ Time, Type, Status, ID, Name, Image, Outcome }: ContainerEvent): string {
  const failed = Outcome === 'failure' ? ', outcome=failure' : '';
  return `${Time} ${Type} ${Status} ${ID} (image=${Image}, name=${Name}${failed})`;
}

const KEYS: Record<string, (event: ContainerEvent, value: string) => boolean> = {
  container: ({ ID, Name }, value) => Name === value || (value !== '' && ID.startsWith(value)),
  event: ({ Status }, value) => Status === value,
  image: ({ Image }, value) => Image === value || Image === `${value}:latest`,
  type: ({ Type }, value) => Type === value,
};

export const EVENT_FILTERS = Object.keys(KEYS);

/** `filters` are KEY=VALUE of the keys above: those of one key are alternatives. */
export function isWanted(event: ContainerEvent, filters: readonly (readonly [key: string, value: string])[]): boolean {
  const keys = new Set(filters.map(([key]) => key));
  return [...keys].every((key) => filters.some(([own, value]) => own === key && KEYS[key]?.(event, value)));
}
