/** The names that a call of `iso-setup user` is about, wherever they come from. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { listAccounts, listGroups, lookUpEntries, readAccountFiles } from '../facts/accounts.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { readPolicy } from '../policy/read-policy.js';
import { desiredUsers, MAX_LIST_BYTES, parseUserList } from './desired-users.js';

export interface Selection {
  names: readonly string[];
  /** Everybody whom the policy means. */
  all: boolean;
  /** A file with a name a line; `-` is standard input. */
  from: string | undefined;
  /** Whom the policy does not mean is left out. */
  isSelected?: boolean;
}

async function readBounded(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      // One byte more tells a list that is too long, and a device that never ends.
      if (length > MAX_LIST_BYTES) break;
    }
  } catch (thrown) {
    throw new IsoError('list.invalid', `cannot read the list of users ${file}`, asIsoError(thrown).why);
  }
  return Buffer.concat(chunks);
}

async function readBounds(root: string) {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const files = readAccountFiles(root);
  const { groups: wanted } = policy.users;
  const known = wanted.length === 0 ? [] : await listGroups(files, wanted);
  const missing = wanted.filter((name) => !known.some((group) => group.name === name));
  if (missing.length > 0) {
    const why = `this host has no group ${missing.join(', ')} (users.groups)`;
    throw new IsoError('policy.invalid', 'cannot tell whom the policy means', why);
  }
  return { policy, files, known };
}

/** Of these names, those whom the policy means: one account is looked at, not all of a directory. */
async function keepMeant(root: string, names: readonly string[]): Promise<string[]> {
  const { policy, files, known } = await readBounds(root);
  const local = names.flatMap((name) => files.byName.get(name) ?? []);
  return desiredUsers(root === '/' ? await lookUpEntries([...names]) : local, known, policy.users, files);
}

async function selectAll(root: string): Promise<string[]> {
  const { policy, files, known } = await readBounds(root);
  const listed = await listAccounts(files);
  // Directories that cannot be listed still answer for the members of a group.
  const names = new Set(listed.map((account) => account.name));
  const others = known.flatMap((group) => group.members).filter((name) => !names.has(name));
  const accounts = [...listed, ...(root === '/' ? await lookUpEntries([...new Set(others)]) : [])];
  return desiredUsers(accounts, known, policy.users, files);
}

/** Each name once: those given, those of the list, those of the policy. @throws IsoError list.invalid, policy.invalid */
export async function selectUsers(root: string, { names, all, from, isSelected }: Selection): Promise<string[]> {
  const listed =
    from === undefined ? [] : parseUserList(await readBounded(from), from === '-' ? 'on standard input' : from);
  const given = [...new Set([...names, ...listed, ...(all ? await selectAll(root) : [])])];
  return isSelected ? keepMeant(root, given) : given;
}
