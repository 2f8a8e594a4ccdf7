/** Lines of a file of any size in constant memory. */
import { fstatSync, readSync } from 'node:fs';

const CHUNK_BYTES = 64 * 2 ** 10;
const NEWLINE = 0x0a;

type Line =
  | { number: number; text: string }
  /** Longer than allowed: only its size is kept. */
  | { number: number; bytes: number };

interface ReadLinesOptions {
  /** Longest line, newline not counted. */
  maxLineBytes: number;
  /** Read only this much from the end, starting at the first whole line there. Numbers then count from that line. */
  tailBytes?: number;
}

/** The lines of `fd` up to the size it has now; empty ones are left out. A writer that appends meanwhile is not chased. */
export function* readLines(fd: number, options: ReadLinesOptions): Generator<Line> {
  const end = fstatSync(fd).size;
  let position = Math.max(0, end - (options.tailBytes ?? end));
  // The first line of a tail is most likely the end of one: dropped, and counted by the caller as left out.
  let skipping = position > 0;
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let parts: Buffer[] = [];
  let bytes = 0;
  let number = 0;
  const take = (): Line | undefined => {
    const whole = skipping || bytes === 0 ? undefined : bytes <= options.maxLineBytes;
    if (!skipping) number += 1;
    skipping = false;
    const text = whole ? Buffer.concat(parts).toString('utf8') : '';
    const size = bytes;
    parts = [];
    bytes = 0;
    return whole === undefined ? undefined : whole ? { number, text } : { number, bytes: size };
  };
  while (position < end) {
    const count = readSync(fd, chunk, 0, Math.min(CHUNK_BYTES, end - position), position);
    if (count === 0) break;
    position += count;
    const filled = chunk.subarray(0, count);
    let from = 0;
    for (let at = filled.indexOf(NEWLINE); at !== -1; at = filled.indexOf(NEWLINE, from)) {
      keep(filled.subarray(from, at));
      from = at + 1;
      const line = take();
      if (line) yield line;
    }
    keep(filled.subarray(from));
  }
  const line = take();
  if (line) yield line;

  function keep(piece: Buffer): void {
    bytes += piece.length;
    // A copy, since the chunk is used again; and nothing of a line that is already too long.
    if (!skipping && bytes <= options.maxLineBytes) parts.push(Buffer.from(piece));
  }
}
