/** Accounts as provisioning needs them: passwd(5), group(5), login.defs(5), and the host's other account sources. */
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { run } from '../sys/exec.js';
import { requireUserName, unknownUser } from './user-name.js';

export interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
}

export interface GroupEntry {
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
  byUid: Map<number, PasswdEntry>;
  /** User name -> the groups that list it. */
  memberships: Map<string, number[]>;
  /** Lowest uid of an ordinary user (login.defs UID_MIN). */
  uidMin: number;
  /** Highest uid that useradd(8) gives out (login.defs UID_MAX). */
  uidMax: number;
  loginDefs: LoginDefs;
}

/** The bounds within which useradd(8) finds ranges (login.defs SUB_UID_*); by default those of shadow. */
export interface LoginDefs {
  subUidMin: number;
  subUidMax: number;
  subUidCount: number;
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
export function parseGroups(text: string): GroupEntry[] {
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
  const defs = textOf(join(root, 'etc/login.defs'));
  return {
    root,
    users,
    groups,
    memberships: readMemberships(groups),
    // The first line of a name or uid counts, as in getpwnam(3) and getpwuid(3).
    byName: new Map([...users].reverse().map((entry) => [entry.name, entry])),
    byUid: new Map([...users].reverse().map((entry) => [entry.uid, entry])),
    uidMin: loginDefsNumber(defs, 'UID_MIN') ?? 1000,
    uidMax: loginDefsNumber(defs, 'UID_MAX') ?? 60000,
    loginDefs: {
      subUidMin: loginDefsNumber(defs, 'SUB_UID_MIN') ?? 100000,
      subUidMax: loginDefsNumber(defs, 'SUB_UID_MAX') ?? 600100000,
      subUidCount: loginDefsNumber(defs, 'SUB_UID_COUNT') ?? 65536,
    },
  };
}

/**
 * An account by name: from /etc/passwd, and for the running host from every other source (getent(1)).
 * @throws IsoError user.unknown, user.refused for a name that is a number
 */
export async function findAccount(files: AccountFiles, name: string): Promise<PasswdEntry> {
  requireUserName(name);
  const local = files.byName.get(name);
  if (local) return local;
  if (files.root !== '/') throw unknownUser(name, `${join(files.root, 'etc/passwd')} has no such name`);
  const { stdout } = await run('getent', ['--', 'passwd', name], { accept: [0, 2], timeoutMs: 20_000 });
  const entry = parsePasswd(stdout)[0];
  if (!entry) throw unknownUser(name, 'no account source of this host has such a name');
  return entry;
}

/**
 * Of several names of one uid only the first can have ranges: newuidmap(1) asks for the name of the uid, and what it does
 * not find there is not the user's.
 * @throws IsoError user.refused for the others
 */
export async function requireFirstName(files: AccountFiles, { name, uid }: PasswdEntry): Promise<void> {
  let first = files.byUid.get(uid)?.name;
  if (first === undefined && files.root === '/') {
    const { stdout } = await run('getent', ['--', 'passwd', String(uid)], { accept: [0, 2], timeoutMs: 20_000 });
    first = parsePasswd(stdout)[0]?.name;
  }
  if (first === undefined || first === name) return;
  const why = `its uid ${uid} is the one of ${first}, and the kernel knows only uids`;
  throw new IsoError('user.refused', `cannot provision ${name}`, why, { hint: `run \`iso-setup user ${first}\`` });
}

/** The groups a login of the user would have, its primary group apart (initgroups(3)). */
export async function readGroupsOf(files: AccountFiles, account: PasswdEntry): Promise<number[]> {
  const own = files.memberships.get(account.name) ?? [];
  if (files.byName.has(account.name)) return own;
  const { stdout } = await run('getent', ['--', 'initgroups', account.name], { accept: [0, 2], timeoutMs: 20_000 });
  const rest = stdout.slice(stdout.indexOf(' ')).trim().split(/\s+/);
  return rest.filter((gid) => ID.test(gid)).map(Number);
}

/** Ids or names in one call of getent. */
const BATCH = 500;

/** The services of an account database beside the files, which are read already (nsswitch.conf(5)). Pure. */
export function furtherServices(nsswitch: string, database: string): string[] {
  const line = nsswitch.split('\n').find((text) => text.trimStart().startsWith(`${database}:`)) ?? '';
  const words = line
    .slice(line.indexOf(':') + 1)
    .replace(/#.*$/, '')
    .replace(/\[[^\]]*\]/g, ' ');
  return words.split(/\s+/).filter((word) => word !== '' && word !== 'files');
}

const idsOf = (stdout: string): number[] =>
  stdout.split('\n').flatMap((line) => (ID.test(line.split(':')[2] ?? '') ? [Number(line.split(':')[2])] : []));

/**
 * Which of these ids an account or group of the host's other sources has. For the ends of new ranges: such sources cannot
 * all be listed. The files are not asked again, where each id would cost a reading of the whole file.
 */
export async function findTakenIds(ids: readonly number[]): Promise<number[]> {
  const nsswitch = textOf('/etc/nsswitch.conf');
  const taken: number[] = [];
  for (const database of ['passwd', 'group']) {
    const services = furtherServices(nsswitch, database);
    if (services.length === 0) continue;
    for (let from = 0; from < ids.length; from += BATCH) {
      const keys = ids.slice(from, from + BATCH).map(String);
      const service = `${database}:${services.join(' ')}`;
      const { stdout } = await run('getent', ['-s', service, '--', database, ...keys], { accept: [0, 2] });
      taken.push(...idsOf(stdout));
    }
  }
  return taken;
}

const LOOK_UP = { accept: [0, 2], timeoutMs: 20_000 };

/** All ids of accounts and groups that the host's sources list. */
export async function listIds(): Promise<number[]> {
  const [users, groups] = [await run('getent', ['passwd'], LOOK_UP), await run('getent', ['group'], LOOK_UP)];
  return [
    ...parsePasswd(users.stdout).flatMap(({ uid, gid }) => [uid, gid]),
    ...parseGroups(groups.stdout).map(({ gid }) => gid),
  ];
}

/** All accounts that can be listed: the local ones first, then what the host's other sources list (getent(1)). */
export async function listAccounts(files: AccountFiles): Promise<PasswdEntry[]> {
  if (files.root !== '/') return files.users;
  const { stdout } = await run('getent', ['passwd'], LOOK_UP);
  return [...files.users, ...parsePasswd(stdout).filter(({ name }) => !files.byName.has(name))];
}

/** Accounts by name, from all sources; those that do not exist are left out. */
export async function lookUpEntries(names: readonly string[]): Promise<PasswdEntry[]> {
  const entries: PasswdEntry[] = [];
  for (let from = 0; from < names.length; from += BATCH) {
    const { stdout } = await run('getent', ['--', 'passwd', ...names.slice(from, from + BATCH)], LOOK_UP);
    entries.push(...parsePasswd(stdout));
  }
  return entries;
}

/** Groups by name with the members that their sources list; those that do not exist are left out. */
export async function listGroups(files: AccountFiles, names: readonly string[]): Promise<GroupEntry[]> {
  const local = files.groups.filter((group) => names.includes(group.name));
  const others = names.filter((name) => !local.some((group) => group.name === name));
  if (files.root !== '/' || others.length === 0) return local;
  const { stdout } = await run('getent', ['--', 'group', ...others], LOOK_UP);
  return [...local, ...parseGroups(stdout)];
}
