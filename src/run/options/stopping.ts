/** How a container is to be stopped: `--stop-signal` and `--stop-timeout`. Pure. */
import { signalName, signalNumber } from '../signals.js';
import { refuse } from './refuse.js';

const MAX_TIMEOUT = 86_400;
/** `TERM`, `sigterm`, `15`, `RTMIN+3` to `SIGTERM` or `SIGRTMIN+3`. */
export function parseStopSignal(text: string): string {
  const number = signalNumber(text);
  const name = number === undefined ? undefined : signalName(number);
  if (name !== undefined) return name;
  throw refuse(`--stop-signal ${text}`, 'it is no signal by name or number, see signal(7)');
}

/** Seconds. */
export function parseStopTimeout(text: string): number {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MAX_TIMEOUT) return seconds;
  throw refuse(`--stop-timeout ${text}`, `it is not a number of seconds from 0 to ${MAX_TIMEOUT}`);
}
