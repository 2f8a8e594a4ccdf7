/** The users whom this host lets run containers: subordinate ids and a container tree in the home. */
import { closeSync, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { hasErrno } from '../lib/errors.js';
import { run } from '../sys/exec.js';
import { libsubidRanges } from '../sys/libsubid.js';
import { openHome, statSafe } from '../sys/safe-file.js';
import { type PasswdEntry, parsePasswd } from './accounts.js';
import { TREE } from './container-record.js';
import { findDeadHomes } from './dead-homes.js';
import { hasFuseBelow, readMounts } from './mounts.js';
import { readSubidLines } from './subid-lines.js';
import { readSubidSource } from './subid-source.js';
import { type IdRange, rangesOf, shownText } from './subids.js';

export type Account = Pick<PasswdEntry, 'name' | 'uid' | 'gid' | 'home'>;

export interface ProvisionedUser extends Account {
  uids: IdRange[];
  gids: IdRange[];
  /** Other mounts below the home may be entered: none of them is FUSE. */
  crossMounts: boolean;
  /** Why the home may not be opened: it does not answer. */
  deadHome?: string;
}

const BATCH = 500;
/** A note of root's for each uid that was set up. */
const SET_UP = '/var/lib/iso/users';

/** Accounts by name or uid, from all account sources of the host (getent(1)); those that do not exist are left out. */
export async function lookUpAccounts(keys: readonly string[]): Promise<Account[]> {
  const accounts: Account[] = [];
  for (let from = 0; from < keys.length; from += BATCH) {
    const batch = keys.slice(from, from + BATCH);
    // 2: one or more of the keys were not found.
    const { stdout } = await run('getent', ['--', 'passwd', ...batch], { accept: [0, 2] });
    accounts.push(...parsePasswd(stdout).filter(({ home }) => home.startsWith('/')));
  }
  return accounts;
}

/** A home that is refused for any other reason than absence counts: nobody leaves the report by breaking the own home. */
export function hasTree(account: Account, crossMounts: boolean): boolean {
  const home = openHome(account.home, account.uid);
  if (!home.ok) return home.reason !== 'missing';
  try {
    const tree = statSafe(home.fd, TREE, { crossMounts });
    return tree.ok || tree.reason !== 'missing';
  } finally {
    closeSync(home.fd);
  }
}

/** From the files, or from the one other source that nsswitch.conf names. */
function rangeReader(kind: 'uid' | 'gid'): (account: Account) => IdRange[] {
  if (readSubidSource('/') !== undefined) return ({ name }) => libsubidRanges(kind, name);
  const lines = readSubidLines(`/etc/sub${kind}`);
  return (account) => rangesOf(lines, account);
}

/** The subordinate uids of one account. @throws IsoError feature.missing where another source cannot be asked */
export const readUidRanges = (account: Account): IdRange[] => rangeReader('uid')(account);

/** A source cannot be listed: there it is whom iso-setup has noted. */
function ownersOfRanges(): string[] {
  if (readSubidSource('/') === undefined) {
    return readSubidLines('/etc/subuid').flatMap((line) => (line.kind === 'range' ? [shownText(line.owner)] : []));
  }
  try {
    return readdirSync(SET_UP).flatMap((name) => (/^\d+\.json$/.test(name) ? [name.slice(0, -'.json'.length)] : []));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

async function provisionedAmong(accounts: readonly Account[]): Promise<ProvisionedUser[]> {
  const uidsOf = rangeReader('uid');
  const gidsOf = rangeReader('gid');
  const mounts = readMounts();
  const withRanges = accounts
    .map((account) => ({
      ...account,
      uids: uidsOf(account),
      gids: gidsOf(account),
      crossMounts: !hasFuseBelow(mounts, account.home),
    }))
    .filter(({ uids }) => uids.length > 0);
  const dead = await findDeadHomes(withRanges);
  return withRanges.flatMap((user): ProvisionedUser[] => {
    const deadHome = dead.get(user.uid);
    if (deadHome !== undefined) return [{ ...user, deadHome }];
    return hasTree(user, user.crossMounts) ? [user] : [];
  });
}

/** All provisioned users, by uid. For root: others cannot look into homes. */
export async function readProvisionedUsers(): Promise<ProvisionedUser[]> {
  const owners = new Set(ownersOfRanges());
  const byUid = new Map((await lookUpAccounts([...owners])).map((account) => [account.uid, account]));
  return (await provisionedAmong([...byUid.values()])).sort((a, b) => a.uid - b.uid);
}

/** One account, when it is provisioned. */
export async function readProvisionedUser(account: Account): Promise<ProvisionedUser | undefined> {
  return (await provisionedAmong([account]))[0];
}

/** The account that runs this program. */
export function readOwnAccount(): Account {
  const { username, uid, gid, homedir } = userInfo();
  return { name: username, uid, gid, home: homedir };
}
