/** One event as one bounded line of the trail. Pure. */
import type { TrailEvent } from './event.js';

/** Newline included; a reader refuses longer lines, so a writer never makes one. */
export const MAX_LINE_BYTES = 16 * 2 ** 10;
const MAX_DETAILS = 32;
const MARK = '…[cut]';

/** Cuts text to `limit` characters with a mark, never inside a surrogate pair. */
function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = text.slice(0, Math.max(0, limit - MARK.length));
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}${MARK}`;
}

function cutDetails(details: NonNullable<TrailEvent['details']>, limit: number): NonNullable<TrailEvent['details']> {
  const kept = Object.entries(details).slice(0, MAX_DETAILS);
  return Object.fromEntries(
    kept.map(([key, value]) => [cut(key, 64), typeof value === 'string' ? cut(value, limit) : value]),
  );
}

/** Every text at most as long as the schema allows (event.ts), and at most `limit`. */
function cutEvent(event: TrailEvent, limit: number): TrailEvent {
  const to = (text: string, most: number) => cut(text, Math.min(most, limit));
  const { subject, container, error, details } = event;
  return {
    ...event,
    message: to(event.message, 1024),
    ...(subject === undefined ? {} : { subject: to(subject, 256) }),
    ...(container === undefined
      ? {}
      : { container: { id: to(container.id, 64), name: to(container.name, 256), image: to(container.image, 256) } }),
    ...(error === undefined
      ? {}
      : {
          error: {
            code: error.code,
            what: to(error.what, 1024),
            why: to(error.why, 4096),
            ...(error.hint === undefined ? {} : { hint: to(error.hint, 1024) }),
          },
        }),
    ...(details === undefined ? {} : { details: cutDetails(details, Math.min(1024, limit)) }),
  };
}

/**
 * The event as one line of JSON with its newline, at most MAX_LINE_BYTES. Texts that are too long are cut and marked,
 * all alike, until the line fits; what still does not fit loses its details. JSON escapes every newline, so one event
 * is one line whatever it quotes.
 */
export function encodeEvent(event: TrailEvent): string {
  for (const limit of [4096, 1024, 256, 64]) {
    const line = `${JSON.stringify(cutEvent(event, limit))}\n`;
    if (Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  }
  return `${JSON.stringify(cutEvent({ ...event, details: { cut: true } }, 64))}\n`;
}
