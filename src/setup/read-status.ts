/** `iso-setup status`: who may run containers here, with which ids, and what is wrong with them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, lookUpEntries, type PasswdEntry, readAccountFiles } from '../facts/accounts.js';
import { findDeadHomes } from '../facts/dead-homes.js';
import { isLingering } from '../facts/linger.js';
import { hasFuseBelow, readMounts } from '../facts/mounts.js';
import { hasTree } from '../facts/provisioned.js';
import { type ManagedRanges, readManagedRanges, readSubidSource } from '../facts/subid-source.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { type HostStatus, planStatus, statusOf, type UserStatus } from './plan-status.js';
import { readRangeFiles } from './read-range-files.js';
import { parseUserState, USERS_DIR, type UserState } from './state.js';
import { missingOurs } from './subid-files.js';

const ROOT = '/';

/** Notes of root's; others see none. */
function readStates(): UserState[] {
  try {
    return readdirSync(join(ROOT, USERS_DIR)).flatMap((name) => {
      const state = parseUserState(readPlainFile(join(ROOT, USERS_DIR, name))?.text);
      return state ? [state] : [];
    });
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

/** Whether an account has a container tree; a home that does not answer may hold one. */
async function treeFinder(accounts: readonly PasswdEntry[]) {
  const dead = await findDeadHomes(accounts);
  const mounts = readMounts();
  return {
    dead,
    hasTree: (account: PasswdEntry) => dead.has(account.uid) || hasTree(account, !hasFuseBelow(mounts, account.home)),
  };
}

/** Of an account about which nothing more is known. */
function noneOf({ name: user, uid, home }: PasswdEntry): UserStatus {
  return { user, uid, home, provisioned: false, linger: isLingering(user), uids: [], gids: [], faults: [] };
}

function withDeadHome(user: UserStatus, dead: ReadonlyMap<number, string>): UserStatus {
  const why = dead.get(user.uid);
  return why === undefined ? user : { ...user, faults: [...user.faults, `${user.home}: ${why}`] };
}

function withManaged(user: UserStatus, ranges: ManagedRanges | undefined): UserStatus {
  const { uid = [], gid = [], source } = ranges ?? {};
  const lacks = [...(uid.length === 0 ? ['uids'] : []), ...(gid.length === 0 ? ['gids'] : [])];
  const faults = lacks.map((ids) => `${source ?? 'the source of ranges'} gives no subordinate ${ids}`);
  return { ...user, uids: uid, gids: gid, provisioned: user.provisioned && lacks.length === 0, faults };
}

/** Where another source gives the ranges, lines of the files are neither ranges nor faults. */
async function readManagedStatus(source: string, accounts: readonly PasswdEntry[]): Promise<HostStatus> {
  const managed = await readManagedRanges(
    source,
    accounts.map(({ name }) => name),
  );
  const tree = await treeFinder(accounts);
  const users = accounts.map((account) => {
    const noted = { ...noneOf(account), provisioned: tree.hasTree(account) };
    return withDeadHome(withManaged(noted, managed.get(account.name)), tree.dead);
  });
  return {
    users: users.sort((a, b) => a.uid - b.uid),
    faults: users.flatMap(({ faults }) => faults),
    orphans: [],
    managedBy: source,
  };
}

async function readFileStatus(states: readonly UserState[], known: readonly PasswdEntry[]): Promise<HostStatus> {
  const { facts, accounts, allocation } = await readRangeFiles(ROOT);
  const all = [...accounts, ...known];
  const tree = await treeFinder(all);
  const status = planStatus({
    ...facts,
    accounts: all,
    states,
    missing: missingOurs(allocation.notes, facts.lines),
    hasTree: tree.hasTree,
    isLingering,
  });
  return { ...status, users: status.users.map((user) => withDeadHome(user, tree.dead)) };
}

/** One user, or everybody with ranges or a set-up, by uid. @throws IsoError user.unknown */
export async function readStatus(name: string | undefined): Promise<HostStatus> {
  const states = readStates();
  const source = readSubidSource(ROOT);
  const files = readAccountFiles(ROOT);
  const uids = states.map(({ uid }) => uid).filter((uid) => !files.byUid.has(uid));
  const others = await lookUpEntries(uids.map(String));
  const account = name === undefined ? undefined : await findAccount(files, name).catch(unknownAs(undefined));
  if (source !== undefined) {
    const all = [...states.flatMap(({ uid }) => files.byUid.get(uid) ?? []), ...others];
    const asked = name === undefined ? all : account ? [account] : [];
    if (name !== undefined && !account) await findAccount(files, name);
    return readManagedStatus(source, asked);
  }
  const status = await readFileStatus(states, [...others, ...(account ? [account] : [])]);
  if (name === undefined) return status;
  const one = statusOf(status, account?.name ?? name);
  if (account && one.users.length === 0) return { ...one, users: [noneOf(account)] };
  if (!account && one.orphans.length === 0) await findAccount(files, name);
  return one;
}

/** A name that is no account may still own lines. */
function unknownAs<T>(value: T) {
  return (error: unknown): T => {
    if (error instanceof IsoError && (error.code === 'user.unknown' || error.code === 'user.refused')) return value;
    throw error;
  };
}
