/** One line of a trail or spool back to an event. What a user's session wrote speaks for that user alone. Pure. */
import { validateEvent } from '../generated/validators.js';
import type { TrailEvent } from './event.js';

type DecodedLine = { event: TrailEvent; time: number } | { why: string };

/**
 * Decodes and validates a line. `spoolOwner` is the uid that owns the spool it was read from: origin and uid then come
 * from there, whatever the text claims (undefined for root's own trail).
 */
export function decodeLine(text: string, spoolOwner: number | undefined): DecodedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'it is not JSON' };
  }
  if (!validateEvent(value)) {
    const first = validateEvent.errors?.[0];
    return { why: `${first?.instancePath.slice(1).replaceAll('/', '.') || 'it'} ${first?.message ?? 'is not valid'}` };
  }
  const event = value as TrailEvent;
  const time = Date.parse(event.time);
  if (Number.isNaN(time)) return { why: 'time is not a date' };
  if (spoolOwner === undefined) return { event, time };
  return { event: { ...event, origin: 'self', uid: spoolOwner }, time };
}
