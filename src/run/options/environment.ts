/** `-e` and `--env-file`. Pure. */
import { parseLines } from './lines.js';
import { refuse } from './refuse.js';

type Variables = Record<string, string | undefined>;

function parseAssignment(text: string, callers: Variables, option: string): string | undefined {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!/^[^\s=\0]+$/.test(name)) throw refuse(option, 'it is not NAME=VALUE');
  if (at >= 0) return text;
  const value = callers[name];
  return value === undefined ? undefined : `${name}=${value}`;
}

/** `NAME=value`, or `NAME` for the caller's own value; undefined when the caller has none. */
export const parseEnv = (text: string, callers: Variables) => parseAssignment(text, callers, `-e ${text}`);

/** The same, one a line. Values may be secrets: an error names the line alone. */
export function parseEnvFile(path: string, text: string, callers: Variables): string[] {
  return parseLines(`--env-file ${path}`, text).flatMap(
    ({ line, origin }) => parseAssignment(line, callers, origin) ?? [],
  );
}
