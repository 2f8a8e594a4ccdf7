/** `--since` and `--until` as Podman and Docker take them: a date, seconds since the epoch, or a span such as 10m before now. Pure. */
import { refuse } from './options/refuse.js';

const SPAN = /^(\d+(\.\d+)?(ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

function toMilliseconds(text: string, now: number): number {
  if (/^\d{1,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  if (DATE.test(text)) return Date.parse(text);
  if (!SPAN.test(text)) return Number.NaN;
  const parts = [...text.matchAll(PART)];
  return now - parts.reduce((sum, [, n, unit]) => sum + Number(n) * MILLISECONDS[unit as keyof typeof MILLISECONDS], 0);
}

/** As the log writes times. `now` in milliseconds. @throws IsoError usage.invalid */
export function parseLogTime(option: string, text: string, now: number): string {
  const milliseconds = toMilliseconds(text, now);
  if (!(Math.abs(milliseconds) < 8.64e15)) {
    throw refuse(
      `${option} ${text}`,
      'it is neither a date such as 2026-01-31T08:00, nor seconds, nor a span such as 10m',
    );
  }
  return new Date(milliseconds).toISOString().replace(/Z$/, '000000Z');
}

/** Lines of `--tail`; undefined for all of them. @throws IsoError usage.invalid */
export function parseTail(text: string): number | undefined {
  if (text === 'all' || text === '-1') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw refuse(`--tail ${text}`, 'it is neither a number of lines nor all');
}
