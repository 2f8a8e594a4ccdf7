/** The log of a container from its oldest file to its newest, across rotations, and on while the container lives. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { hasErrno, IsoError } from '../lib/errors.js';
import { type LogRecord, lineSplitter, parseRecord } from './log-record.js';

const MAX_FILES = 99;
const PIECE = 64 * 2 ** 10;
const MAX_LINE = 64 * 2 ** 10;
/** Where changes are not told of, as on some network file systems. */
const LOOK_MS = 500;

const nameOf = (path: string, number: number) => (number === 0 ? path : `${path}.${number}`);

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function openLog(path: string): number | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw new IsoError('os.failed', `cannot read ${path}`, 'it is not a regular file');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Newest first, so that a rotation meanwhile shows a file twice rather than not at all. */
function openAll(path: string): number[] {
  const opened: { fd: number; ino: number }[] = [];
  for (let number = 0; number < MAX_FILES; number += 1) {
    const fd = openLog(nameOf(path, number));
    if (fd === undefined) break;
    const { ino } = fstatSync(fd);
    if (opened.some((one) => one.ino === ino)) closeSync(fd);
    else opened.push({ fd, ino });
  }
  return opened.map(({ fd }) => fd).reverse();
}

/** The file after this one; undefined while this is the newest. */
function openNext(path: string, ino: number): number | undefined {
  if (inodeOf(path) === ino) return undefined;
  for (let number = 1; number < MAX_FILES; number += 1) {
    const seen = inodeOf(nameOf(path, number));
    if (seen === ino || seen === undefined) return openLog(nameOf(path, number - 1));
  }
  return undefined;
}

function* readRecords(fd: number, split: (piece: string) => string[]): Generator<LogRecord> {
  const buffer = Buffer.alloc(PIECE);
  for (let size = readSync(fd, buffer); size > 0; size = readSync(fd, buffer)) {
    for (const line of split(buffer.toString('latin1', 0, size))) {
      const record = parseRecord(line);
      if (record) yield record;
    }
  }
}

/** Reads on where it stopped each time it is asked. */
export function logReader(path: string): { exists(): boolean; drain(): Generator<LogRecord>; close(): void } {
  let [fd, ...later] = openAll(path);
  let split = lineSplitter(MAX_LINE);
  return {
    exists: () => fd !== undefined,
    *drain() {
      fd ??= openLog(path);
      while (fd !== undefined) {
        // Asked before the file is read to its end: once there is a next one, nothing more comes into this one.
        const next = later.shift() ?? openNext(path, fstatSync(fd).ino);
        yield* readRecords(fd, split);
        if (next === undefined) return;
        closeSync(fd);
        fd = next;
        split = lineSplitter(MAX_LINE);
      }
    },
    close() {
      for (const open of [fd, ...later]) if (open !== undefined) closeSync(open);
      [fd, later] = [undefined, []];
    },
  };
}

/** Waits for something to change in a directory, or for a while. */
export function watchDirectory(directory: string): { change(): Promise<void>; close(): void } {
  let wake = () => {};
  const watched = watch(directory, () => wake());
  // That of a container that was removed; its end is looked for anyway.
  watched.on('error', () => wake());
  return {
    change: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    close: () => watched.close(),
  };
}
