/**
 * The write-ahead journal of set-up: what is about to be done is on disk before it is begun, and what is done is noted
 * after it. A run that finds a journal finishes what it left open. One record a line, `DIGEST JSON`; only names, ids and
 * digests, never a path to follow: what is to be done about them is planned anew. Shapes, their writer and reader; pure.
 */
import { createHash } from 'node:crypto';
import type { Deleted } from './plan-remove.js';
import type { IdKind } from './plan-subids.js';
import { isUserState, STATE_DIR, type UserState } from './state.js';

/** Below the root directory. */
export const JOURNAL_FILE = `${STATE_DIR}/journal`;

/** The first record: whose journal this is. */
export interface HeaderRecord {
  kind: 'header';
  schema: 1;
  /** Digest of /etc/machine-id: a journal that came with a copied disk speaks of another host. */
  machine: string;
}

/** Both files of ranges are about to be replaced. Digests tell afterwards which of them was. */
export interface RangesRecord {
  kind: 'ranges';
  files: Partial<Record<IdKind, { before: string; after: string }>>;
}

export type Command = 'user' | 'remove' | 'system';

/** Steps for one subject are about to be applied. */
export interface IntentRecord {
  kind: 'intent';
  command: Command;
  subject: string;
  uid?: number;
  /** Of `remove`. */
  purge?: boolean;
  deleted?: Deleted;
  /** What will be remembered of the user, should the file that says it be lost with a power cut. */
  state?: UserState;
  /** For people: kinds and objects of the steps. */
  steps: string[];
}

/** All steps for these subjects were applied and are on disk, or failed and were told. */
export interface DoneRecord {
  kind: 'done';
  of: 'ranges' | Command;
  subjects: string[];
}

export type JournalRecord = HeaderRecord | RangesRecord | IntentRecord | DoneRecord;

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

export const machineDigest = (machineId: string) => digest(machineId.trim());

export function formatRecords(records: readonly JournalRecord[]): string {
  return records
    .map((record) => JSON.stringify(record))
    .map((json) => `${digest(json)} ${json}\n`)
    .join('');
}

type Table = Record<string, unknown>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 4096;
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const COMMANDS: readonly unknown[] = ['user', 'remove', 'system'] satisfies Command[];

function isRanges(files: unknown): boolean {
  if (!isTable(files)) return false;
  const isPair = (pair: unknown) => isTable(pair) && isText(pair.before) && isText(pair.after);
  return Object.entries(files).every(([id, pair]) => (id === 'uid' || id === 'gid') && isPair(pair));
}

const CHECKS: Record<string, (record: Table) => boolean> = {
  header: ({ schema, machine }) => schema === 1 && isText(machine),
  ranges: ({ files }) => isRanges(files),
  intent: ({ command, subject, uid, purge, deleted, state, steps }) =>
    COMMANDS.includes(command) &&
    isText(subject) &&
    (uid === undefined || (Number.isInteger(uid) && (uid as number) > 0)) &&
    (purge === undefined || typeof purge === 'boolean') &&
    (deleted === undefined || (isTable(deleted) && typeof deleted.homeIsGone === 'boolean')) &&
    (state === undefined || isUserState(state)) &&
    isTexts(steps),
  done: ({ of, subjects }) => (of === 'ranges' || COMMANDS.includes(of)) && isTexts(subjects),
};

function parseRecord(line: string): JournalRecord | undefined {
  const [sum = '', json = ''] = [line.slice(0, 16), line.slice(17)];
  if (line[16] !== ' ' || digest(json) !== sum) return undefined;
  try {
    const record: unknown = JSON.parse(json);
    if (!isTable(record) || !isText(record.kind)) return undefined;
    return CHECKS[record.kind]?.(record) ? (record as unknown as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** What a journal leaves to be done. */
export interface Unfinished {
  ranges: RangesRecord | undefined;
  intents: IntentRecord[];
}

export type JournalReading = { why: string } | ({ why: undefined; wholeBytes: number } & Unfinished);

/**
 * What is open in a journal. Its last record may be cut off: then nothing of it was begun. `why` it cannot be believed
 * otherwise. `wholeBytes` ends the last whole record (the text is latin-1).
 */
export function parseJournal(text: string, machine: string): JournalReading {
  const lines = text.split('\n');
  lines.pop();
  const open = new Map<string, IntentRecord>();
  let ranges: RangesRecord | undefined;
  for (const [index, line] of lines.entries()) {
    // Names are written in JSON's ASCII or UTF-8; as bytes either way.
    const record = parseRecord(Buffer.from(line, 'latin1').toString('utf8'));
    if (!record) return { why: `its line ${index + 1} is damaged` };
    if ((record.kind === 'header') !== (index === 0)) return { why: `its line ${index + 1} is out of place` };
    if (record.kind === 'header' && record.machine !== machine) return { why: 'it was written on another machine' };
    if (record.kind === 'ranges') ranges = record;
    if (record.kind === 'intent') open.set(`${record.command} ${record.subject}`, record);
    if (record.kind !== 'done') continue;
    if (record.of === 'ranges') ranges = undefined;
    for (const subject of record.subjects) open.delete(`${record.of} ${subject}`);
  }
  return { why: undefined, wholeBytes: text.lastIndexOf('\n') + 1, ranges, intents: [...open.values()] };
}
