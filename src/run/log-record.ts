/** Records of a container's log (native/log.h), as text of one byte a character: what a payload writes may be no UTF-8. Pure. */

export interface LogRecord {
  /** RFC 3339 with nanoseconds, UTC: the order of texts is that of times. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** The line ends here; of a longer or slower one this is a part. */
  ends: boolean;
  text: string;
}

const RECORD = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)$/s;

/** Undefined for what is no record, such as a line that a power cut tore. */
export function parseRecord(line: string): LogRecord | undefined {
  const [, time, stream, kind, text] = RECORD.exec(line) ?? [];
  if (time === undefined || stream === undefined || text === undefined) return undefined;
  return { time, stream: stream as LogRecord['stream'], ends: kind === 'F', text };
}

/** Lines out of pieces of a file; what has no end yet waits for the next piece. A line that no record can be is given up. */
export function lineSplitter(maxLength: number): (piece: string) => string[] {
  let rest = '';
  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLength) rest = '';
    return lines;
  };
}

/** The last so many lines, in the order in which they were written. */
export function tailOf(most: number): { add(record: LogRecord): void; records(): LogRecord[] } {
  let kept: LogRecord[] = [];
  let ends = 0;
  const unended = () => (kept.at(-1)?.ends === false ? 1 : 0);
  const shrink = () => {
    let from = 0;
    while (ends + unended() > most && from < kept.length) {
      if (kept[from]?.ends) ends -= 1;
      from += 1;
    }
    if (from > 0) kept = kept.slice(from);
  };
  return {
    add(record) {
      kept.push(record);
      if (record.ends) ends += 1;
      // Seldom, since each time copies what is left.
      if (kept.length > 2 * most + 1024) shrink();
    },
    records() {
      shrink();
      return most === 0 ? [] : kept;
    },
  };
}

/** Texts for the two streams. With times each line begins with its own. */
export function recordPrinter(timestamps: boolean): (record: LogRecord) => string {
  const begun = { stdout: false, stderr: false };
  return ({ time, stream, ends, text }) => {
    const head = timestamps && !begun[stream] ? `${time} ` : '';
    begun[stream] = !ends;
    return `${head}${text}${ends ? '\n' : ''}`;
  };
}
