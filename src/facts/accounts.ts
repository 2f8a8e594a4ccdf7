/** Accounts as provisioning needs them: passwd(5), group(5), login.defs(5), and the host's other account sources. */
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { run } from '../sys/exec.js';

export interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/** All local accounts of a host, read once. */
export interface AccountFiles {
  root: string;
  users: PasswdEntry[];
  groups: GroupEntry[];
  byName: Map<string, PasswdEntry>;
  /** User name -> the groups that list it. */
  memberships: Map<string, number[]>;
  /** Lowest uid of an ordinary user (login.defs UID_MIN). */
  uidMin: number;
}

const ID = /^(?:0|[1-9]\d{0,9})$/;

/** Lines of passwd(5); lines that are none, such as NIS's, are left out. Pure. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = '', shell = ''] = line.split(':');
    if (name === '' || !ID.test(uid) || !ID.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home, shell }];
  });
}

/** Lines of group(5). Pure. */
function parseGroups(text: string): GroupEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    if (name === '' || !ID.test(gid)) return [];
    return [{ name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }];
  });
}

/** A number of login.defs(5), or undefined. Pure. */
function loginDefsNumber(text: string, key: string): number | undefined {
  const match = new RegExp(`^\\s*${key}\\s+(\\d{1,10})\\s*$`, 'm').exec(text);
  return match ? Number(match[1]) : undefined;
}

const textOf = (file: string) => readPlainFile(file)?.text ?? '';

function readMemberships(groups: readonly GroupEntry[]): Map<string, number[]> {
  const memberships = new Map<string, number[]>();
  for (const { gid, members } of groups) {
    for (const member of members) memberships.set(member, [...(memberships.get(member) ?? []), gid]);
  }
  return memberships;
}

/** The account files below `root` ('/' for the host itself). */
export function readAccountFiles(root: string): AccountFiles {
  const users = parsePasswd(textOf(join(root, 'etc/passwd')));
  const groups = parseGroups(textOf(join(root, 'etc/group')));
  return {
    root,
    users,
    groups,
    memberships: readMemberships(groups),
    // The first line of a name counts, as in getpwnam(3).
    byName: new Map([...users].reverse().map((entry) => [entry.name, entry])),
    uidMin: loginDefsNumber(textOf(join(root, 'etc/login.defs')), 'UID_MIN') ?? 1000,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a name may not hold
const NOT_IN_A_NAME = /[\u0000-\u0020\u007f:,/]|^-|^\.\.?$|^$/;

const unknown = (name: string, why: string) => new IsoError('user.unknown', `cannot find the user ${name}`, why);

/** Refuses text that cannot be one user's name, before any account source is asked. @throws IsoError */
export function requireUserName(name: string): void {
  if (NOT_IN_A_NAME.test(name) || name.length > 255) throw unknown(name, 'this is not a user name');
  if (/^\d+$/.test(name)) {
    throw new IsoError(
      'user.refused',
      `cannot provision ${name}`,
      'a name of digits only cannot be told from a user id',
      {
        hint: `give the login name: \`getent passwd ${name}\` shows it`,
      },
    );
  }
}

/**
 * An account by name: from /etc/passwd, and for the running host from every other source (getent(1)).
 * @throws IsoError user.unknown, user.refused for a name that is a number
 */
export async function findAccount(files: AccountFiles, name: string): Promise<PasswdEntry> {
  requireUserName(name);
  const local = files.byName.get(name);
  if (local) return local;
  if (files.root !== '/') throw unknown(name, `${join(files.root, 'etc/passwd')} has no such name`);
  const { stdout } = await run('getent', ['--', 'passwd', name], { accept: [0, 2], timeoutMs: 20_000 });
  const entry = parsePasswd(stdout)[0];
  if (!entry) throw unknown(name, 'no account source of this host has such a name');
  return entry;
}

/** The groups a login of the user would have, its primary group apart (initgroups(3)). */
export async function readGroupsOf(files: AccountFiles, account: PasswdEntry): Promise<number[]> {
  const own = files.memberships.get(account.name) ?? [];
  if (files.byName.has(account.name)) return own;
  const { stdout } = await run('getent', ['--', 'initgroups', account.name], { accept: [0, 2], timeoutMs: 20_000 });
  const rest = stdout.slice(stdout.indexOf(' ')).trim().split(/\s+/);
  return rest.filter((gid) => ID.test(gid)).map(Number);
}

/** Which of these ids an account or group of any source has. For the ends of new ranges: sources cannot all be listed. */
export async function findTakenIds(ids: readonly number[]): Promise<number[]> {
  const taken: number[] = [];
  for (const database of ['passwd', 'group']) {
    for (let from = 0; from < ids.length; from += 500) {
      const keys = ids.slice(from, from + 500).map(String);
      const { stdout } = await run('getent', ['--', database, ...keys], { accept: [0, 2] });
      taken.push(
        ...stdout
          .split('\n')
          .flatMap((line) => (ID.test(line.split(':')[2] ?? '') ? [Number(line.split(':')[2])] : [])),
      );
    }
  }
  return taken;
}
