/** `iso-run logs`: which records of a container's log are shown, and until when. */
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { readState } from './container-state.js';
import { type LogRecord, tailOf } from './log-record.js';
import { parseLogTime } from './log-time.js';
import { logReader, watchDirectory } from './read-log.js';
import { type Container, containerDirectory, isAlive } from './records.js';

export interface LogOptions {
  follow: boolean;
  /** Lines; undefined for all. */
  tail: number | undefined;
  /** As the log writes times. */
  since?: string;
  until?: string;
}

function* between(records: Iterable<LogRecord>, { since = '', until }: LogOptions): Generator<LogRecord> {
  for (const record of records) {
    if (record.time >= since && (until === undefined || record.time <= until)) yield record;
  }
}

function lastOf(records: Iterable<LogRecord>, most: number | undefined): Iterable<LogRecord> {
  if (most === undefined) return records;
  const tail = tailOf(most);
  for (const record of records) tail.add(record);
  return tail.records();
}

/**
 * Whether more may come. The process is gone before its monitor has written all: only a monitor that was killed too stays
 * without its last word, and then the second look says so.
 */
function livenessOf(store: string, id: string): () => boolean {
  let misses = 0;
  return () => {
    const state = readState(store, id);
    if (state?.status !== 'running') return false;
    misses = isAlive(state) ? 0 : misses + 1;
    return misses < 2;
  };
}

/** @throws IsoError container.no-log */
export async function showLog(
  { store }: OwnIdentity,
  { record, state }: Container,
  options: LogOptions,
  print: (records: Iterable<LogRecord>) => Promise<void>,
): Promise<void> {
  const directory = containerDirectory(store, record.id);
  const reader = logReader(join(directory, 'ctr.log'));
  const changes = options.follow ? watchDirectory(directory) : undefined;
  const mayGrow = livenessOf(store, record.id);
  const isOver = () => options.until !== undefined && parseLogTime('', '0s', Date.now()) > options.until;
  try {
    if (!reader.exists() && state.status !== 'created') {
      throw new IsoError('container.no-log', `cannot show what ${record.name} wrote`, 'it has no log');
    }
    await print(lastOf(between(reader.drain(), options), options.tail));
    for (let alive = true; changes && alive; ) {
      alive = mayGrow() && !isOver();
      await print(between(reader.drain(), options));
      if (alive) await changes.change();
    }
  } finally {
    changes?.close();
    reader.close();
  }
}
