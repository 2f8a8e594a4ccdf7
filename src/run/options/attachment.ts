/** How a caller stays with a container: `--detach-keys`, `--sig-proxy`. Pure. */
import { refuse } from './refuse.js';

export interface Attachment {
  stdin: boolean;
  /** As the launcher reads them (native/detach-keys.h). */
  detachKeys: string;
  passSignals: boolean;
}

const MAX_KEYS = 16;
const KEY = /^([!-+\--~]|ctrl-[a-z[\\\]^_])$/;

function parseKeys(text: string): string {
  const keys = text === '' ? [] : text.split(',');
  if (keys.length <= MAX_KEYS && keys.every((key) => KEY.test(key))) return text;
  throw refuse(`--detach-keys ${text}`, `it is not up to ${MAX_KEYS} keys such as a or ctrl-p, between commas`);
}

function parseBoolean(option: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw refuse(`${option} ${text}`, 'it is neither true nor false');
}

export interface AttachFlags {
  detachKeys?: string;
  sigProxy?: string;
}

export function parseAttachment(stdin: boolean, { detachKeys, sigProxy }: AttachFlags): Attachment {
  return {
    stdin,
    detachKeys: parseKeys(detachKeys ?? 'ctrl-p,ctrl-q'),
    passSignals: parseBoolean('--sig-proxy', sigProxy ?? 'true'),
  };
}
