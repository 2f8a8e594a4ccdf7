/** The trail's event client: producers describe what happened, this appends it. A simple appender until the daemon exists. */
import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { encodeEvent } from './encode-event.js';
import type { TrailEvent } from './event.js';

export const TRAIL_DIR = '/var/log/iso';
const TRAIL_FILE = 'events.jsonl';
/** Below a user's home: what the user's own session says, entered into the trail as self-reported. */
export const USER_SPOOL = '.local/share/containers/run/events.jsonl';

export type NewEvent = Omit<TrailEvent, 'schema' | 'time' | 'origin' | 'uid' | 'pid'>;

/** Completes an event with what only this process knows; nothing that the event says can replace it. */
function stamp(event: NewEvent, uid: number): TrailEvent {
  return {
    ...event,
    schema: 1,
    time: new Date().toISOString(),
    origin: uid === 0 ? 'root' : 'self',
    uid,
    pid: process.pid,
  };
}

/** Not a link, not a FIFO that would block, not a file that has another name somewhere else. */
function openTrail(file: string, mode: number): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  const fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.nlink === 1 && stat.uid === process.geteuid?.()) {
    // A new file has the mode whatever the caller's umask is; what an administrator chose later is left alone.
    if (stat.size === 0) fchmodSync(fd, mode);
    return fd;
  }
  closeSync(fd);
  throw new Error(`${file} is not a regular file with one name that belongs to this user`);
}

/** True when a writer was cut off inside a line (disk full, killed): the next event must not be glued to it. */
function endsTorn(fd: number): boolean {
  const { size } = fstatSync(fd);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

/**
 * Appends one line to `file`. One write with O_APPEND, so that concurrent writers do not mix.
 * @throws system errors, and an Error when the file is not an ordinary one of this user or the line was stored in part.
 */
export function appendLine(file: string, line: string, mode: number): void {
  const fd = openTrail(file, mode);
  try {
    const bytes = Buffer.from(endsTorn(fd) ? `\n${line}` : line);
    if (writeSync(fd, bytes) !== bytes.length) throw new Error(`${file} took only a part of the line`);
  } finally {
    closeSync(fd);
  }
}

/**
 * Appends one event: root's to the trail, a user's to the spool in the user's own tree. Root never writes below a home.
 * False when it could not be stored: the caller says so and goes on.
 */
export function recordEvent(event: NewEvent): boolean {
  // The effective uid decides, since with it the file would be opened.
  const uid = process.geteuid?.() ?? 0;
  try {
    const line = encodeEvent(stamp(event, uid));
    if (uid === 0) {
      mkdirSync(TRAIL_DIR, { recursive: true, mode: 0o750 });
      appendLine(join(TRAIL_DIR, TRAIL_FILE), line, 0o640);
    } else {
      appendLine(join(userInfo().homedir, USER_SPOOL), line, 0o600);
    }
    return true;
  } catch {
    return false;
  }
}
