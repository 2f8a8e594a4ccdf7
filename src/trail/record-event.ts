/** The trail's event client: producers describe what happened, this appends it. A simple appender until the daemon exists. */
import { appendFileSync, chmodSync, existsSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { TrailEvent } from './event.js';

export const TRAIL_DIR = '/var/log/iso';
/** Below a user's home: what the user's own session says, entered into the trail as self-reported. */
export const USER_SPOOL = '.local/share/containers/run/events.jsonl';

export type NewEvent = Omit<TrailEvent, 'schema' | 'time' | 'origin' | 'uid' | 'pid'>;

/** Completes an event with what only this process knows. */
function stamp(event: NewEvent): TrailEvent {
  const uid = process.getuid?.() ?? 0;
  return {
    schema: 1,
    time: new Date().toISOString(),
    origin: uid === 0 ? 'root' : 'self',
    uid,
    pid: process.pid,
    ...event,
  };
}

function trailFile(uid: number): string {
  return uid === 0 ? join(TRAIL_DIR, 'events.jsonl') : join(userInfo().homedir, USER_SPOOL);
}

/**
 * Appends one event: root's to the trail, a user's to the spool in the user's own tree. One write of one line with
 * O_APPEND, so concurrent writers do not mix. False when it could not be stored: the caller says so and goes on.
 */
export function recordEvent(event: NewEvent): boolean {
  const full = stamp(event);
  const file = trailFile(full.uid);
  try {
    if (full.uid === 0) mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
    const fresh = !existsSync(file);
    appendFileSync(file, `${JSON.stringify(full)}\n`, { mode: 0o600 });
    if (fresh && full.uid === 0) chmodSync(file, 0o640);
    return true;
  } catch {
    return false;
  }
}
