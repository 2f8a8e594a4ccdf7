/** The journal on disk: below root's own directory, appended to and synced, set aside when it cannot be believed. */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import { readPlainFile, syncDirectory } from '../sys/atomic-file.js';
import {
  type DoneRecord,
  formatRecords,
  type IntentRecord,
  JOURNAL_FILE,
  type JournalReading,
  type JournalRecord,
  machineDigest,
  parseJournal,
  type RangesRecord,
  type Unfinished,
} from './journal.js';

/** A journal open for one run. */
export interface Journal {
  /** On disk when this returns: only then may the deed begin. @throws IsoError write.failed */
  intend: (records: readonly (IntentRecord | RangesRecord)[]) => void;
  /** On disk with the next intent, or never: then it is found done. @throws IsoError write.failed */
  done: (of: DoneRecord['of'], subjects: readonly string[]) => void;
  /** The end of the run. The journal goes, unless something in it is open: then the next run finds it. */
  end: () => void;
}

const journalPath = (root: string) => join(root, JOURNAL_FILE);

const machineOf = (root: string) => machineDigest(readPlainFile(join(root, 'etc/machine-id'))?.text ?? '');

/** True when an earlier run left one. For users, who cannot look, false. */
export const hasJournal = (root: string): boolean => existsSync(journalPath(root));

/** A journal whose run nobody will finish; the name says what it was. */
function setAside(path: string): string {
  for (let number = 1; ; number += 1) {
    const aside = `${path}.refused-${number}`;
    if (lstatSync(aside, { throwIfNoEntry: false })) continue;
    renameSync(path, aside);
    syncDirectory(dirname(path));
    return aside;
  }
}

function readBelieved(path: string, machine: string): JournalReading {
  const stat = lstatSync(path);
  if (!stat.isFile()) return { why: 'it is no regular file' };
  if (stat.uid !== process.geteuid?.() || (stat.mode & 0o077) !== 0) {
    return { why: 'others than root could read or write it' };
  }
  return parseJournal(readPlainFile(path, 'latin1')?.text ?? '', machine);
}

export type JournalFound =
  | { kind: 'none' }
  | { kind: 'open'; unfinished: Unfinished; wholeBytes: number }
  | { kind: 'refused'; why: string; aside: string };

/** What an earlier run left. One that cannot be believed is set aside: nothing of it is done. Needs the lock of set-up. */
export function readJournal(root: string): JournalFound {
  const path = journalPath(root);
  if (!lstatSync(path, { throwIfNoEntry: false })) return { kind: 'none' };
  const read = readBelieved(path, machineOf(root));
  if (read.why !== undefined) return { kind: 'refused', why: read.why, aside: setAside(path) };
  const { wholeBytes, ranges, intents } = read;
  return { kind: 'open', unfinished: { ranges, intents }, wholeBytes };
}

function failed(path: string, error: unknown): IsoError {
  const why = error instanceof Error ? error.message : String(error);
  return new IsoError('write.failed', `cannot write ${path}`, why, { cause: error });
}

const keyOf = (of: DoneRecord['of'], subject: string) => `${of} ${subject}`;
const keysOf = (records: readonly (IntentRecord | RangesRecord)[]) =>
  records.map((record) => (record.kind === 'ranges' ? keyOf('ranges', '') : keyOf(record.command, record.subject)));

/** The journal of this run. An earlier one, `found`, stays in front of it until this run has finished what it left. */
export function openJournal(root: string, found: JournalFound): Journal {
  const path = journalPath(root);
  const left = found.kind === 'open' ? found.unfinished : undefined;
  const open = new Set(left ? keysOf([...(left.ranges ? [left.ranges] : []), ...left.intents]) : []);
  let size = found.kind === 'open' ? found.wholeBytes : 0;
  let fd: number | undefined;
  const openFile = (): number => {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const opened = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    fd = opened;
    ftruncateSync(opened, size);
    syncDirectory(dirname(path));
    return opened;
  };
  const append = (records: readonly JournalRecord[], synced: boolean) => {
    try {
      const at = fd ?? openFile();
      const header: JournalRecord = { kind: 'header', schema: 1, machine: machineOf(root) };
      const bytes = Buffer.from(formatRecords(size === 0 ? [header, ...records] : records));
      writeFileSync(at, bytes);
      if (synced) fsyncSync(at);
      size += bytes.length;
    } catch (error) {
      // Half a record in the middle would make the whole journal one that cannot be believed.
      if (fd !== undefined) ftruncateSync(fd, size);
      throw failed(path, error);
    }
  };
  return {
    intend: (records) => {
      append(records, true);
      for (const key of keysOf(records)) open.add(key);
    },
    done: (of, subjects) => {
      append([{ kind: 'done', of, subjects: [...subjects] }], false);
      for (const subject of of === 'ranges' ? [''] : subjects) open.delete(keyOf(of, subject));
    },
    end: () => {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
      if (open.size > 0) return;
      try {
        unlinkSync(path);
      } catch (error) {
        if (!hasErrno(error, 'ENOENT')) throw failed(path, error);
      }
    },
  };
}

/** For users without root, whose runs root does not finish. */
export const NO_JOURNAL: Journal = {
  intend: () => undefined,
  done: () => undefined,
  end: () => undefined,
};
