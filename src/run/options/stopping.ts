/** How a container is to be stopped: `--stop-signal` and `--stop-timeout`. Pure. */
import { constants } from 'node:os';
import { refuse } from './refuse.js';

const MAX_TIMEOUT = 86_400;
/** What glibc leaves of the real-time signals (signal(7)). */
const RT_MIN = 34;
const RT_MAX = 64;

const SIGNALS: Readonly<Record<string, number>> = constants.signals;

function signalNumber(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (Object.hasOwn(SIGNALS, `SIG${name}`)) return SIGNALS[`SIG${name}`];
  const [, from, steps = '0'] = /^(RTMIN(?=$|\+)|RTMAX(?=$|-))[+-]?(\d{1,2})?$/.exec(name) ?? [];
  if (from !== undefined) return from === 'RTMIN' ? RT_MIN + Number(steps) : RT_MAX - Number(steps);
  return /^\d{1,2}$/.test(name) ? Number(name) : undefined;
}

function signalName(number: number): string | undefined {
  if (number === RT_MIN) return 'SIGRTMIN';
  if (number > RT_MIN && number <= RT_MAX) return `SIGRTMIN+${number - RT_MIN}`;
  return Object.keys(SIGNALS).find((name) => SIGNALS[name] === number);
}

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
