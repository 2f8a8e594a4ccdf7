/**
 * What is wrong with the lines of subuid(5) or subgid(5), each fault with its line, its reason and what would put it
 * right. Of lines that share ids as many as possible stay. Cost n log n, whatever the lines. Pure.
 */
import { RESERVED } from './reserved-ids.js';
import { type IdRange, lastId, overlaps, parseSubids, type SubidLine, shownText } from './subids.js';

export interface RangeFault {
  kind: 'broken' | 'reserved' | 'duplicate' | 'overlap' | 'newline';
  /** From 1. */
  line: number;
  /** As the file holds it. */
  text: string;
  /** Undefined for a line that cannot be believed. */
  owner: string | undefined;
  why: string;
  /** What the line becomes; undefined when it is to be taken out. */
  replacement: string | undefined;
}

export interface JudgedFile {
  lines: readonly SubidLine[];
  /** Ids of accounts or groups; any order. */
  realIds: readonly number[];
  /** The file's last line is complete. */
  isComplete: boolean;
}

/** A line that counts, or would after a small correction. */
interface Candidate extends IdRange {
  index: number;
  text: string;
  owner: string;
}

const isRange = (line: SubidLine | undefined): line is SubidLine & { kind: 'range' } => line?.kind === 'range';
const SHOWN = 60;
/** A line for people; one may be a megabyte long. */
export const showLine = (text: string) =>
  text.length > SHOWN ? `${shownText(text.slice(0, SHOWN))}… (${text.length} bytes)` : shownText(text);
const quote = (one: Candidate) => `line ${one.index + 1} '${showLine(one.text)}'`;

function fault(one: Candidate, kind: RangeFault['kind'], why: string, replacement?: string): RangeFault {
  return { kind, line: one.index + 1, text: one.text, owner: one.owner, why, replacement };
}

/** Lines that cannot be believed; one whose only fault is a carriage return counts as what it was meant to be. */
function findBroken(lines: readonly SubidLine[], faults: RangeFault[]): Candidate[] {
  return lines.flatMap((line, index) => {
    if (line.kind === 'range') return [{ ...line, index }];
    if (line.kind !== 'broken') return [];
    const meant = line.text.endsWith('\r') ? parseSubids(line.text.slice(0, -1))[0] : undefined;
    const { text, problem: why } = line;
    const owner = isRange(meant) ? meant.owner : undefined;
    faults.push({
      kind: 'broken',
      line: index + 1,
      text,
      owner,
      why,
      replacement: isRange(meant) ? meant.text : undefined,
    });
    return isRange(meant) ? [{ ...meant, index }] : [];
  });
}

/** The first of the ascending ids inside the range, by bisection. */
export function firstInside(ids: readonly number[], range: IdRange): number | undefined {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? 0) < range.start) low = middle + 1;
    else high = middle;
  }
  const id = ids[low];
  return id !== undefined && id <= lastId(range) ? id : undefined;
}

/** Why nobody may have this range, or undefined. */
export function whyForbidden(ids: readonly number[], range: IdRange): string | undefined {
  const id = firstInside(ids, range);
  if (id !== undefined) return `it holds ${id}, the id of an account or group`;
  const reserved = RESERVED.find((one) => overlaps(one, range));
  return reserved && `it holds ${reserved.start}, ${reserved.why}`;
}

/** Lines of one owner that share ids: the kernel takes no map in which an id comes twice. No id of the owner gets lost. */
function settleOwn(own: Candidate[], faults: RangeFault[]): Candidate[] {
  const kept: Candidate[] = [];
  let reach: Candidate | undefined;
  for (const one of own.sort((a, b) => a.start - b.start || b.count - a.count || a.index - b.index)) {
    if (!reach || one.start > lastId(reach)) {
      kept.push(one);
    } else if (lastId(one) <= lastId(reach)) {
      const isSame = one.start === reach.start && one.count === reach.count;
      faults.push(fault(one, 'duplicate', `it ${isSame ? 'repeats' : 'is part of'} ${quote(reach)}`));
      continue;
    } else {
      const start = lastId(reach) + 1;
      const rest = { ...one, start, count: lastId(one) - start + 1 };
      const replacement = `${one.owner}:${rest.start}:${rest.count}`;
      faults.push(
        fault(one, 'overlap', `it shares ids from ${one.start} with ${quote(reach)} of the same owner`, replacement),
      );
      kept.push(rest);
    }
    reach = kept.at(-1);
  }
  return kept;
}

/** Lines of different owners that share ids. Taking the one that ends first, again and again, keeps the most lines. */
function settleOthers(candidates: Candidate[], faults: RangeFault[]): void {
  let last: Candidate | undefined;
  for (const one of candidates.sort((a, b) => lastId(a) - lastId(b) || a.index - b.index)) {
    if (last && one.start <= lastId(last)) {
      faults.push(fault(one, 'overlap', `it shares ids from ${Math.max(one.start, last.start)} with ${quote(last)}`));
    } else {
      last = one;
    }
  }
}

/** All faults of a file, by line. `ownerOf` gives one name to the spellings of an owner. */
export function findRangeFaults(file: JudgedFile, ownerOf: (owner: string) => string): RangeFault[] {
  const faults: RangeFault[] = [];
  const ids = [...file.realIds].sort((a, b) => a - b);
  const byOwner = new Map<string, Candidate[]>();
  for (const one of findBroken(file.lines, faults)) {
    const why = whyForbidden(ids, one);
    if (why !== undefined) {
      faults.push(fault(one, 'reserved', why));
      continue;
    }
    const own = byOwner.get(ownerOf(one.owner));
    if (own) own.push(one);
    else byOwner.set(ownerOf(one.owner), [one]);
  }
  settleOthers(
    [...byOwner.values()].flatMap((own) => (own.length === 1 ? own : settleOwn(own, faults))),
    faults,
  );
  const end = file.lines.at(-1);
  if (end && !file.isComplete) {
    const why = 'it does not end in a newline, so what another program appends would become part of it';
    faults.push({
      kind: 'newline',
      line: file.lines.length,
      text: end.text,
      owner: undefined,
      why,
      replacement: end.text,
    });
  }
  return faults.sort((a, b) => a.line - b.line);
}

/** The lines with these faults put right: the others stay as they are, where they are. */
export function repairLines(lines: readonly SubidLine[], faults: readonly RangeFault[]): SubidLine[] {
  // One line may have two faults, such as a carriage return and ids of others: then it goes.
  const replaced = new Map<number, string | undefined>();
  for (const { line, replacement, kind } of faults) {
    if (kind === 'newline') continue;
    replaced.set(line, replaced.has(line) && replaced.get(line) === undefined ? undefined : replacement);
  }
  return lines.flatMap((line, index) => {
    if (!replaced.has(index + 1)) return [line];
    const text = replaced.get(index + 1);
    return text === undefined ? [] : parseSubids(text);
  });
}
