/** Which events a reader is shown: those that match, the newest first kept, no source crowding out another. Pure. */
import type { TrailEvent } from './event.js';

export interface EventFilter {
  /** Milliseconds since the epoch. */
  since?: number;
  category?: TrailEvent['category'];
  /** A user: the uid, the ids that belong to it (subordinate ranges count as their owner), and the name as subject. */
  user?: { uid: number; name?: string; ranges: readonly { start: number; count: number }[] };
}

export interface TimedEvent {
  event: TrailEvent;
  time: number;
}

export function matches({ event, time }: TimedEvent, filter: EventFilter): boolean {
  if (filter.since !== undefined && time < filter.since) return false;
  if (filter.category !== undefined && event.category !== filter.category) return false;
  if (filter.user === undefined) return true;
  const { uid, name, ranges } = filter.user;
  const owned = ranges.some((range) => event.uid >= range.start && event.uid < range.start + range.count);
  return event.uid === uid || owned || (name !== undefined && event.subject === name);
}

/** Orders by time; events of one instant keep the order they were given in. */
function byTime(events: readonly TimedEvent[]): TimedEvent[] {
  return [...events].sort((a, b) => a.time - b.time);
}

/** How many each source keeps so that the sum is at most `limit` and nobody loses to a larger one ("water filling"). */
export function shares(sizes: readonly number[], limit: number): number[] {
  const given = sizes.map(() => 0);
  const order = sizes.map((_, index) => index).sort((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0));
  let left = limit;
  order.forEach((index, done) => {
    const share = Math.min(sizes[index] ?? 0, Math.floor(left / (order.length - done)));
    given[index] = share;
    left -= share;
  });
  return given;
}

/** Keeps the newest `limit` events that match, fairly among sources, in memory bounded by a multiple of `limit`. */
export function createSelection(filter: EventFilter, limit: number) {
  const kept: TimedEvent[][] = [];
  const result = { matched: 0 };

  function trimLast(): void {
    const own = kept[kept.length - 1];
    if (own) kept[kept.length - 1] = byTime(own).slice(-limit);
  }

  // A source's share only shrinks as sources are added, so what is dropped early would have been dropped in the end.
  function trimAll(): void {
    const sizes = shares(
      kept.map((own) => own.length),
      limit,
    );
    kept.forEach((own, index) => {
      const size = sizes[index] ?? 0;
      kept[index] = size === 0 ? [] : byTime(own).slice(-size);
    });
  }

  return {
    /** Begins the next source; events added from here on belong to it. */
    nextSource(): void {
      trimAll();
      kept.push([]);
    },
    add(timed: TimedEvent): void {
      if (!matches(timed, filter)) return;
      result.matched += 1;
      const own = kept[kept.length - 1];
      own?.push(timed);
      if (own && own.length >= 2 * limit) trimLast();
    },
    /** The events to show, oldest first, and how many older ones matched but were left out. */
    finish(): { events: TimedEvent[]; leftOut: number } {
      trimAll();
      const events = byTime(kept.flat());
      return { events, leftOut: result.matched - events.length };
    },
  };
}

const RELATIVE = /^(\d{1,6})\s*(s|m|min|h|d|w)$/;
const SECONDS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
const ABSOLUTE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/** `90s`, `15m`, `2h`, `7d` before `now`, or a date and time (local unless it says otherwise) to epoch milliseconds. */
export function parseSince(text: string, now: number): number | undefined {
  const relative = RELATIVE.exec(text.trim());
  if (relative) return now - Number(relative[1]) * (SECONDS[relative[2] ?? ''] ?? 0) * 1000;
  if (!ABSOLUTE.test(text.trim())) return undefined;
  const iso = text.trim().replace(' ', 'T');
  // A date alone would be read as UTC midnight; people mean their own day.
  const time = Date.parse(iso.includes('T') ? iso : `${iso}T00:00`);
  return Number.isNaN(time) ? undefined : time;
}
