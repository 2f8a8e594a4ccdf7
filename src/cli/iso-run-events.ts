/** `iso-run events`: what happened to the caller's containers, from the caller's own spool, and on as it happens. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOwnIdentity } from '../facts/own-identity.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { escapeControl } from '../lib/text.js';
import { parseLogTime } from '../run/log-time.js';
import { type ContainerEvent, containerEvents, EVENT_FILTERS, eventLine, isWanted } from '../trail/container-event.js';
import { decodeLine } from '../trail/decode-line.js';
import { MAX_SPOOL_BYTES } from '../trail/read-trail.js';
import { USER_SPOOL } from '../trail/record-event.js';
import type { EventsFlags } from './iso-run-look.js';
import { writeOut } from './write-out.js';

const INTERVAL_MS = 200;

type Filter = readonly [key: string, value: string];

function parseFilter(text: string): Filter {
  const [, key = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(text) ?? [];
  if (EVENT_FILTERS.includes(key)) return [key, value];
  throw new IsoError(
    'usage.invalid',
    `cannot use --filter ${text}`,
    `it is not KEY=VALUE with one of ${EVENT_FILTERS.join(', ')}`,
  );
}

/** A date, seconds or a span, as logs take them; in milliseconds. */
const parseTime = (option: string, text: string) => Date.parse(parseLogTime(option, text, Date.now()));

/** Whole lines of the spool from `offset` on, and where the next ones will begin. A spool that was emptied begins anew. */
function readOn(file: string, offset: number): { lines: string[]; next: number } {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { lines: [], next: 0 };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const from = Math.max(size < offset ? 0 : offset, size - MAX_SPOOL_BYTES);
    const bytes = Buffer.alloc(size - from);
    const read = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from));
    const end = read.lastIndexOf(0x0a) + 1;
    return { lines: read.subarray(0, end).toString('utf8').split('\n').filter(Boolean), next: from + end };
  } finally {
    closeSync(fd);
  }
}

function eventsOf(lines: readonly string[], uid: number): { event: ContainerEvent; time: number }[] {
  return lines.flatMap((line) => {
    const decoded = decodeLine(line, uid);
    if (!('event' in decoded)) return [];
    return containerEvents(decoded.event).map((event) => ({ event, time: decoded.time }));
  });
}

function formatter(format: string | undefined): (event: ContainerEvent) => string {
  if (format === 'json') return (event) => `${JSON.stringify(event)}\n`;
  if (format === undefined) return (event) => `${escapeControl(eventLine(event))}\n`;
  const template = parseTemplate(format);
  return (event) => formatValues(template, [event]);
}

export async function events(flags: EventsFlags): Promise<void> {
  const { home, uid } = readOwnIdentity();
  const file = join(home, USER_SPOOL);
  const filters = (flags.filter ?? []).map(parseFilter);
  const show = formatter(flags.json ? 'json' : flags.format);
  const until = flags.until === undefined ? Number.POSITIVE_INFINITY : parseTime('--until', flags.until);
  // Without a time, what happens from now on, or with --no-stream all that is known.
  const since = flags.since === undefined ? (flags.stream ? Date.now() : 0) : parseTime('--since', flags.since);
  for (let offset = 0; ; await sleep(INTERVAL_MS)) {
    const { lines, next } = readOn(file, offset);
    offset = next;
    for (const { event, time } of eventsOf(lines, uid)) {
      if (time >= since && time <= until && isWanted(event, filters)) writeOut(show(event));
    }
    if (!flags.stream || Date.now() > until) return;
  }
}
