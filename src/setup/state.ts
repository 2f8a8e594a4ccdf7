/**
 * What the toolkit remembers of its own work, below /var/lib/iso, for root only: which ranges are ours to take back, and
 * which content of a file is ours to replace. Everything else is measured anew. Shapes and their readers; pure.
 */
import { PAIRS } from '../lib/selinux-context.js';

/** Below the root directory. */
export const STATE_DIR = 'var/lib/iso';
/** Ranges that iso-setup added, as lines of subuid(5) and subgid(5). */
export const RANGES_FILE = `${STATE_DIR}/ranges.json`;
/** Lines that `--repair` took out: what they were, and ids that nobody gets, since files of their owner may have them. */
export const REMOVED_FILE = `${STATE_DIR}/removed-lines.json`;
export const HOST_STATE_FILE = `${STATE_DIR}/host.json`;
export const USERS_DIR = `${STATE_DIR}/users`;
export const userStateFile = (uid: number) => `${USERS_DIR}/${uid}.json`;

/** Digests of what was deployed, newest first: older ones too, since a run may be killed between note and write. */
export type Deployed = Record<string, string[]>;

export interface UserState {
  schema: 1;
  uid: number;
  name: string;
  files: Deployed;
  /** Number of the user's pair of SELinux categories, which no other user has. */
  categories?: number;
  /** systemd's linger is ours to end: iso-setup turned it on, or lets the user do so ("on-demand"). */
  linger?: true;
}

export interface HostState {
  schema: 1;
  files: Deployed;
}

export interface RangesState {
  schema: 1;
  uid: string[];
  gid: string[];
  /** Owner as in lines -> the uid that the account had then: the next one of that name is another user's. */
  owners: Record<string, number>;
}

/** A line that was taken out of a file, as the file held it (latin-1), and when. */
export interface RemovedLine {
  file: 'uid' | 'gid';
  text: string;
  why: string;
  time: string;
}

export interface RemovedState {
  schema: 1;
  lines: RemovedLine[];
}

const MAX_DIGESTS = 4;
const DIGEST = /^[0-9a-f]{64}$/;

/** The list with this digest in front. Remembering the same again changes nothing. */
export function remember(digests: readonly string[] | undefined, digest: string): string[] {
  if (digests?.includes(digest)) return [...digests];
  return [digest, ...(digests ?? [])].slice(0, MAX_DIGESTS);
}

type Table = Record<string, unknown>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

function parse(text: string | undefined): Table | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isTable(value) && value.schema === 1 ? value : undefined;
  } catch {
    return undefined;
  }
}

function deployed(value: unknown): Deployed {
  if (!isTable(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, list]) => [name, texts(list).filter((digest) => DIGEST.test(digest))]),
  );
}

/** True for what `parseUserState` could have read. */
export function isUserState(value: unknown): value is UserState {
  return parseUserState(JSON.stringify(value)) !== undefined;
}

/** A damaged file reads as undefined: then nothing counts as ours, and edits are kept. */
export function parseUserState(text: string | undefined): UserState | undefined {
  const table = parse(text);
  if (!table || typeof table.uid !== 'number' || typeof table.name !== 'string') return undefined;
  const { categories } = table;
  const known = typeof categories === 'number' && Number.isInteger(categories) && categories >= 0 && categories < PAIRS;
  const pair = known ? { categories } : {};
  const linger = table.linger === true ? { linger: true as const } : {};
  return { schema: 1, uid: table.uid, name: table.name, files: deployed(table.files), ...pair, ...linger };
}

export function parseHostState(text: string | undefined): HostState {
  return { schema: 1, files: deployed(parse(text)?.files) };
}

export function parseRangesState(text: string | undefined): RangesState {
  const table = parse(text);
  const owners = isTable(table?.owners) ? Object.entries(table.owners) : [];
  return {
    schema: 1,
    uid: texts(table?.uid),
    gid: texts(table?.gid),
    owners: Object.fromEntries(owners.filter((entry): entry is [string, number] => typeof entry[1] === 'number')),
  };
}

const isRemoved = (value: unknown): value is RemovedLine =>
  isTable(value) &&
  (value.file === 'uid' || value.file === 'gid') &&
  ['text', 'why', 'time'].every((key) => typeof value[key] === 'string');

export function parseRemovedState(text: string | undefined): RemovedState {
  const lines = parse(text)?.lines;
  return { schema: 1, lines: Array.isArray(lines) ? lines.filter(isRemoved) : [] };
}

export const formatState = (state: UserState | HostState | RangesState | RemovedState) =>
  `${JSON.stringify(state, null, 1)}\n`;
