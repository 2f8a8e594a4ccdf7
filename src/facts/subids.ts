/** subuid(5) and subgid(5): a parser that never drops a line, and questions on what it found. Pure. */

/** The largest id that may be handed out: (uid_t)-1 means "unchanged" and -2 is what foreign ids overflow to. */
export const MAX_ID = 4294967293;

/** shadow reads lines into a buffer of this size; a longer one is cut by it and must not be written by us. */
const MAX_LINE_BYTES = 1023;

/** One line of the file. `text` is its exact bytes (latin-1, without the newline), so writing it back changes nothing. */
export type SubidLine =
  | { kind: 'range'; text: string; owner: string; start: number; count: number }
  /** Blank, a comment, or an entry of NIS: shadow keeps such lines and so do we. */
  | { kind: 'other'; text: string }
  /** Looks like a range and is none: `problem` says why. shadow ignores it in silence, or worse, believes part of it. */
  | { kind: 'broken'; text: string; problem: string };

/** Ids `start` to `start + count - 1`. */
export interface IdRange {
  start: number;
  count: number;
}

const DECIMAL = /^(?:0|[1-9]\d{0,14})$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what C programs take for the end, or a terminal for a command
const CONTROL = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII
const ASCII = /^[\u0000-\u007f]*$/;

/**
 * A name as the file holds it: its UTF-8 bytes as latin-1. Characters beyond U+00FF would otherwise lose their upper bits
 * on the way to the file, and one such as U+010A become a newline.
 */
export function ownerText(name: string): string {
  return ASCII.test(name) ? name : Buffer.from(name, 'utf8').toString('latin1');
}

/** A line or owner of the file for people, or for getent(1). */
export function shownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function parseLine(text: string): SubidLine {
  const broken = (problem: string): SubidLine => ({ kind: 'broken', text, problem });
  if (text.length > MAX_LINE_BYTES) return broken(`it is longer than ${MAX_LINE_BYTES} bytes`);
  if (text.trim() === '' || text.startsWith('#')) return { kind: 'other', text };
  if (text.endsWith('\r')) return broken('it ends in a carriage return');
  const [owner = '', start = '', count = '', ...more] = text.split(':');
  if (more.length > 0 || owner === '' || start === '' || count === '') {
    // NIS entries, which shadow keeps as well (passwd(5), nsswitch.conf(5) compat).
    return /^[+-]/.test(text) ? { kind: 'other', text } : broken('it is not OWNER:START:COUNT');
  }
  if (CONTROL.test(text)) return broken('it holds a control character');
  if (!DECIMAL.test(start)) return broken(`its start '${start}' is not a plain decimal number`);
  if (!DECIMAL.test(count)) return broken(`its count '${count}' is not a plain decimal number`);
  const range = { start: Number(start), count: Number(count) };
  if (range.count === 0) return broken('its count is 0');
  if (lastId(range) > MAX_ID) return broken(`it ends at ${lastId(range)}, beyond the last usable id ${MAX_ID}`);
  return { kind: 'range', text, owner, ...range };
}

/**
 * All lines of a file, in order; `formatSubids(parseSubids(text))` is `text`, but for a missing final newline.
 * Read the file as latin-1, so that bytes which are no UTF-8 survive.
 */
export function parseSubids(text: string): SubidLine[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map(parseLine);
}

/** The file's text for these lines. */
export function formatSubids(lines: readonly SubidLine[]): string {
  return lines.map((line) => `${line.text}\n`).join('');
}

/** A new line for a user. */
export function rangeLine(name: string, range: IdRange): SubidLine & IdRange {
  const owner = ownerText(name);
  return { kind: 'range', text: `${owner}:${range.start}:${range.count}`, owner, ...range };
}

/** The ranges of a user, by name and by decimal uid, in file order: what newuidmap(1) lets the user map. */
export function rangesOf(lines: readonly SubidLine[], user: { name: string; uid: number }): IdRange[] {
  const uid = String(user.uid);
  const name = ownerText(user.name);
  const ranges: IdRange[] = [];
  for (const line of lines) {
    if (line.kind === 'range' && (line.owner === name || line.owner === uid)) {
      ranges.push({ start: line.start, count: line.count });
    }
  }
  return ranges;
}

/** All ranges by owner as written, for questions about many users. */
export function rangesByOwner(lines: readonly SubidLine[]): Map<string, IdRange[]> {
  const byOwner = new Map<string, IdRange[]>();
  for (const line of lines) {
    if (line.kind !== 'range') continue;
    const range = { start: line.start, count: line.count };
    const ranges = byOwner.get(line.owner);
    if (ranges) ranges.push(range);
    else byOwner.set(line.owner, [range]);
  }
  return byOwner;
}

/** The range's last id. */
export function lastId(range: IdRange): number {
  return range.start + range.count - 1;
}

/** True when the two ranges share an id. */
export function overlaps(a: IdRange, b: IdRange): boolean {
  return a.start <= lastId(b) && b.start <= lastId(a);
}

/** The same ids in as few ranges as possible, ascending: what touches or overlaps becomes one. */
export function mergeRanges(ranges: readonly IdRange[]): IdRange[] {
  const merged: IdRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && range.start <= lastId(last) + 1) last.count = Math.max(lastId(last), lastId(range)) - last.start + 1;
    else merged.push({ start: range.start, count: range.count });
  }
  return merged;
}
