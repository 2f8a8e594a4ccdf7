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

/** Undefined for an event of something else. */
export function containerEvent({ time, action, outcome, container, details }: TrailEvent): ContainerEvent | undefined {
  const [, status] = /^container\.(.+)$/.exec(action) ?? [];
  if (status === undefined || !container) return undefined;
  const { id, name, image } = container;
  return {
    Time: time,
    Type: 'container',
    Status: status,
    ID: id,
    Name: name,
    Image: image,
    Outcome: outcome,
    Attributes: details ?? {},
  };
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
