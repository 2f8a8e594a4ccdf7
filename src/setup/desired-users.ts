/** Whom a call of `iso-setup user` is about: lists of names, and the accounts that the policy means by `--all`. Pure. */
import type { AccountFiles, GroupEntry, PasswdEntry } from '../facts/accounts.js';
import { requireUserName } from '../facts/user-name.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { isOrdinary } from './refuse-account.js';

/** More is no list of users. */
export const MAX_LIST_BYTES = 4 * 2 ** 20;
const MAX_LINE_BYTES = 1024;

function decode(bytes: Uint8Array, refuse: (line: number, why: string) => IsoError): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    const lines = Buffer.from(bytes).toString('latin1').split('\n');
    const isBad = (line: string) => {
      try {
        decoder.decode(Buffer.from(line, 'latin1'));
        return false;
      } catch {
        return true;
      }
    };
    throw refuse(lines.findIndex(isBad) + 1, 'it is not UTF-8');
  }
}

function nameOf(line: string): string | undefined {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return undefined;
  requireUserName(text);
  return text;
}

/**
 * The names of a list, one a line, each once; blank lines and lines that start with `#` count for nothing.
 * @throws IsoError list.invalid with the first line that is wrong: then nobody of the list is set up
 */
export function parseUserList(bytes: Uint8Array, source: string): string[] {
  const refuse = (line: number, why: string) =>
    new IsoError('list.invalid', `cannot use the list of users ${source}`, `line ${line}: ${why}`);
  if (bytes.length > MAX_LIST_BYTES) {
    const why = `it is longer than ${MAX_LIST_BYTES / 2 ** 20} MiB`;
    throw new IsoError('list.invalid', `cannot use the list of users ${source}`, why);
  }
  const names = new Set<string>();
  for (const [index, line] of decode(bytes, refuse).split('\n').entries()) {
    const number = index + 1;
    if (line.length > MAX_LINE_BYTES) throw refuse(number, `it is longer than ${MAX_LINE_BYTES} characters`);
    if (line.endsWith('\r'))
      throw refuse(number, 'it ends in a carriage return; `dos2unix` makes lines of this system');
    if (line.includes('\0')) throw refuse(number, 'it holds a NUL byte');
    try {
      const name = nameOf(line);
      if (name !== undefined) names.add(name);
    } catch (thrown) {
      throw refuse(number, `'${line.trim().slice(0, 80)}': ${asIsoError(thrown).why}`);
    }
  }
  return [...names];
}

const NO_LOGIN = /\/(nologin|false)$/;

function mayLogIn(shell: string, shells: readonly string[]): boolean {
  // An empty field means /bin/sh (passwd(5)).
  const used = shell === '' ? '/bin/sh' : shell;
  return shells.length > 0 ? shells.includes(used) : !NO_LOGIN.test(used);
}

function isUserName(name: string): boolean {
  try {
    requireUserName(name);
    return true;
  } catch (error) {
    if (error instanceof IsoError) return false;
    throw error;
  }
}

/**
 * The accounts that the policy's `[users]` means, each uid once: who must never be provisioned is left out in silence,
 * since nobody named it.
 * @param groups those that the policy names, with their members
 */
export function desiredUsers(
  accounts: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
  policy: Policy['users'],
  bounds: Pick<AccountFiles, 'uidMin' | 'uidMax'>,
): string[] {
  const min = policy.uid_min === 0 ? bounds.uidMin : policy.uid_min;
  const max = policy.uid_max === 0 ? bounds.uidMax : policy.uid_max;
  const members = new Set(groups.flatMap((group) => group.members));
  const gids = new Set(groups.map((group) => group.gid));
  const isMember = ({ name, gid }: PasswdEntry) => policy.groups.length === 0 || members.has(name) || gids.has(gid);
  const byUid = new Map<number, string>();
  for (const account of accounts) {
    if (account.uid < min || account.uid > max || byUid.has(account.uid)) continue;
    if (!mayLogIn(account.shell, policy.shells) || !isMember(account)) continue;
    if (isUserName(account.name) && isOrdinary(account, bounds.uidMin)) byUid.set(account.uid, account.name);
  }
  return [...byUid].sort(([a], [b]) => a - b).map(([, name]) => name);
}
