/** Reads events from the trail and from users' spools: bounded in memory, hostile files refused and said so. */
import { closeSync, constants, openSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { listSafeDirectory, openHome, openSafeFile } from '../sys/safe-file.js';
import { decodeLine } from './decode-line.js';
import { MAX_LINE_BYTES } from './encode-event.js';
import { readLines } from './read-lines.js';
import { USER_SPOOL } from './record-event.js';
import { createSelection, type EventFilter, type TimedEvent } from './select-events.js';

/** A user decides how large the own spool is, and a sparse file costs that user nothing: only the end is read. */
export const MAX_SPOOL_BYTES = 16 * 2 ** 20;
const MAX_TRAIL_FILES = 10_000;
const EXCERPT = 80;

interface SpoolOwner {
  name: string;
  uid: number;
  home: string;
  /** Other mounts below the home may be entered: none of them is FUSE. */
  crossMounts: boolean;
  /** Why the home may not be opened: it does not answer. */
  deadHome?: string;
}

export interface EventSources {
  /** The host's trail (`/var/log/iso`) and the uid that must own it. */
  trail?: { directory: string; owner: number };
  spools: readonly SpoolOwner[];
}

/** A source that was not read, or not wholly. */
export interface SourceNote {
  source: string;
  why: string;
  /** Lines that are no events, with the first of them. */
  refused?: { lines: number; first: { line: number; why: string; excerpt: string } };
}

export interface EventsRead {
  events: TimedEvent[];
  /** Matching events older than those shown. */
  leftOut: number;
  notes: SourceNote[];
}

type Selection = ReturnType<typeof createSelection>;

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** Reads one opened file into the selection; gives notes on what was refused or left out. */
function readSource(
  fd: number,
  source: string,
  selection: Selection,
  spool?: { owner: number; size: number },
): SourceNote[] {
  const notes: SourceNote[] = [];
  let lines = 0;
  let first: NonNullable<SourceNote['refused']>['first'] | undefined;
  selection.nextSource();
  const tail = spool ? { tailBytes: MAX_SPOOL_BYTES } : {};
  for (const line of readLines(fd, { maxLineBytes: MAX_LINE_BYTES, ...tail })) {
    const decoded =
      'text' in line
        ? decodeLine(line.text, spool?.owner)
        : { why: `it has ${line.bytes} bytes, too many for an event` };
    if ('event' in decoded) {
      selection.add(decoded);
      continue;
    }
    lines += 1;
    first ??= { line: line.number, why: decoded.why, excerpt: 'text' in line ? line.text.slice(0, EXCERPT) : '' };
  }
  if (first) notes.push({ source, why: `${plural(lines, 'line')} refused`, refused: { lines, first } });
  if (spool && spool.size > MAX_SPOOL_BYTES) {
    notes.push({ source, why: `only the last ${MAX_SPOOL_BYTES} of its ${spool.size} bytes were read` });
  }
  return notes;
}

function readHostTrail(trail: NonNullable<EventSources['trail']>, selection: Selection): SourceNote[] {
  const { directory, owner } = trail;
  let fd: number;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [{ source: directory, why: 'nothing was recorded yet' }];
    if (hasErrno(error, 'EACCES')) return [{ source: directory, why: 'only root may read it' }];
    throw error;
  }
  try {
    const listed = listSafeDirectory(fd, '.', { owner, maxEntries: MAX_TRAIL_FILES });
    if (!listed.ok) return [{ source: directory, why: listed.why }];
    return listed.names
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => {
        const source = `${directory}/${name}`;
        const opened = openSafeFile(fd, name, { owner });
        if (!opened.ok) return [{ source, why: opened.why }];
        try {
          return readSource(opened.fd, source, selection);
        } finally {
          closeSync(opened.fd);
        }
      });
  } finally {
    closeSync(fd);
  }
}

function readSpool({ home, uid, crossMounts, deadHome }: SpoolOwner, selection: Selection): SourceNote[] {
  const source = `${home}/${USER_SPOOL}`;
  if (deadHome !== undefined) return [{ source, why: deadHome }];
  const opened = openHome(home, uid);
  if (!opened.ok) return opened.reason === 'missing' ? [] : [{ source, why: opened.why }];
  try {
    const file = openSafeFile(opened.fd, USER_SPOOL, { owner: uid, crossMounts });
    if (!file.ok) return file.reason === 'missing' ? [] : [{ source, why: file.why }];
    try {
      return readSource(file.fd, source, selection, { owner: uid, size: file.stat.size });
    } finally {
      closeSync(file.fd);
    }
  } finally {
    closeSync(opened.fd);
  }
}

/** The newest `limit` matching events of all sources, oldest first, with a note on everything that was not read. */
export function readEvents(sources: EventSources, filter: EventFilter, limit: number): EventsRead {
  const selection = createSelection(filter, limit);
  const notes = sources.trail ? readHostTrail(sources.trail, selection) : [];
  for (const spool of sources.spools) notes.push(...readSpool(spool, selection));
  return { ...selection.finish(), notes };
}
