/** Events for people: one line each, whatever bytes they quote. Pure. */
import { formatTable } from '../lib/text.js';
import type { TrailEvent } from './event.js';
import type { EventsRead, SourceNote } from './read-trail.js';

function describe(event: TrailEvent): string {
  const container = event.container ? ` (container ${event.container.name})` : '';
  const error = event.error ? ` [${event.error.code}: ${event.error.why}]` : '';
  return `${event.message}${container}${error}`;
}

/** `nameOf` gives the name of a uid where there is one. */
export function formatEvents({ events }: EventsRead, nameOf: (uid: number) => string | undefined): string {
  if (events.length === 0) return 'no events';
  const rows = events.map(({ event }) => [
    event.time,
    event.severity,
    event.category,
    event.action,
    event.outcome,
    nameOf(event.uid) ?? String(event.uid),
    event.origin,
    describe(event),
  ]);
  return formatTable(['TIME', 'SEVERITY', 'CATEGORY', 'ACTION', 'OUTCOME', 'USER', 'ORIGIN', 'WHAT'], rows);
}

/** One line on a source that was refused, or of which something was. Not yet safe for a terminal. */
export function formatNote({ source, why, refused }: SourceNote): string {
  if (!refused) return `${source}: ${why}`;
  const { line, why: reason, excerpt } = refused.first;
  return `${source}: ${why}; the first is line ${line}: ${reason}${excerpt === '' ? '' : `: ${excerpt}`}`;
}
