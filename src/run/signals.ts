/** Signals as people name them: `TERM`, `sigterm`, `15`, `RTMIN+3`. Pure. */
import { constants } from 'node:os';
import { IsoError } from '../lib/errors.js';

/** What glibc leaves of the real-time signals (signal(7)). */
const RT_MIN = 34;
const RT_MAX = 64;

const SIGNALS: Readonly<Record<string, number>> = constants.signals;

export function signalNumber(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (Object.hasOwn(SIGNALS, `SIG${name}`)) return SIGNALS[`SIG${name}`];
  const [, from, steps = '0'] = /^(RTMIN(?=$|\+)|RTMAX(?=$|-))[+-]?(\d{1,2})?$/.exec(name) ?? [];
  if (from !== undefined) return from === 'RTMIN' ? RT_MIN + Number(steps) : RT_MAX - Number(steps);
  return /^\d{1,2}$/.test(name) ? Number(name) : undefined;
}

export function signalName(number: number): string | undefined {
  if (number === RT_MIN) return 'SIGRTMIN';
  if (number > RT_MIN && number <= RT_MAX) return `SIGRTMIN+${number - RT_MIN}`;
  return Object.keys(SIGNALS).find((name) => SIGNALS[name] === number);
}

export interface Signal {
  number: number;
  name: string;
}

/** @throws IsoError usage.invalid */
export function parseSignal(text: string): Signal {
  const number = signalNumber(text);
  const name = number === undefined ? undefined : signalName(number);
  if (number !== undefined && name !== undefined) return { number, name };
  throw new IsoError(
    'usage.invalid',
    `cannot use the signal ${text}`,
    'it is neither a name nor a number of a signal',
    {
      hint: 'see `kill -l`, for example TERM or 15',
    },
  );
}
