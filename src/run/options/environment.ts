/** `-e`. Pure. */
import { refuse } from './refuse.js';

/** `NAME=value`, or `NAME` for the caller's own value; undefined when the caller has none. */
export function parseEnv(text: string, callers: Record<string, string | undefined>): string | undefined {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!/^[^\s=\0]+$/.test(name)) throw refuse(`-e ${text}`, 'it is not NAME=VALUE');
  if (at >= 0) return text;
  const value = callers[name];
  return value === undefined ? undefined : `${name}=${value}`;
}
