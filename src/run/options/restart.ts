/** `--restart`: what follows when the payload ends. Pure. */
import { refuse } from './refuse.js';

export interface Restart {
  policy: 'always' | 'unless-stopped' | 'on-failure';
  /** Of a payload that fails; 0 for no bound. */
  most: number;
}

/** `no`, `always`, `unless-stopped` or `on-failure[:NUMBER]`, as Podman and Docker have them. */
export function parseRestart({ restart: text, rm }: { restart?: string; rm?: boolean }): { restart?: Restart } {
  if (text === undefined || text === 'no') return {};
  const [, policy, number] = /^(always|unless-stopped|on-failure)(?::(\d{1,6}))?$/.exec(text) ?? [];
  if (policy === undefined || (number !== undefined && policy !== 'on-failure'))
    throw refuse(`--restart ${text}`, 'it is none of no, always, unless-stopped, on-failure[:NUMBER]');
  if (rm) throw refuse('--restart with --rm', 'a container that is removed at its end cannot run again');
  return { restart: { policy: policy as Restart['policy'], most: Number(number ?? 0) } };
}

/** As the record has it, and `inspect` reads it. */
export const restartText = ({ policy, most }: Restart) => (most === 0 ? policy : `${policy}:${most}`);
