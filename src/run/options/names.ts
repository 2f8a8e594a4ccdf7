/** Names and paths that a run gives. Pure. */
import { posix } from 'node:path';
import { refuse } from './refuse.js';

const MAX_PATH = 4096;

export function parseName(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(text)) return text;
  throw refuse(`--name ${text}`, 'a name has letters, digits, _ . and -, and begins with a letter or digit');
}

export function parseReplace({ replace, name }: { replace?: boolean; name?: string }): boolean {
  if (replace && name === undefined) throw refuse('--replace', 'it takes the place of a name, and there is no --name');
  return replace ?? false;
}

export function parseHostname(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(text)) return text;
  throw refuse(`--hostname ${text}`, 'a host name has up to 64 letters, digits, dots and hyphens');
}

export function parseWorkdir(text: string): string {
  if (text.startsWith('/') && Buffer.byteLength(text) < MAX_PATH) return text;
  throw refuse(`--workdir ${text}`, `it is not an absolute path of less than ${MAX_PATH} bytes`);
}

/** A file of the caller's. His directory may be gone: an absolute path does not ask for it. */
export function parsePath(text: string, caller: { readonly cwd: string }): string {
  return posix.isAbsolute(text) ? posix.normalize(text) : posix.resolve(caller.cwd, text);
}
