/** The facts of a user who is removed: account, home, ranges, quota, and what root noted. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, type PasswdEntry, readAccountFiles, readGroupsOf } from '../facts/accounts.js';
import { type HomeFacts, homeUser, observeHome } from '../facts/home.js';
import { lingerFile } from '../facts/linger.js';
import { requireUserName } from '../facts/user-name.js';
import { type ErrorCode, IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import type { Homes, HomeUser } from '../sys/home.js';
import { whyNoSystemd } from '../sys/systemd.js';
import { sliceFile } from './desired-host.js';
import { CONFIG, FILES, TREE } from './desired-user.js';
import type { Deleted, RemoveFacts } from './plan-remove.js';
import { ID_KINDS } from './plan-subids.js';
import { requireOrdinary } from './refuse-account.js';
import { askSource, idsOf, readRemovalLines, requireUnused } from './removal-ranges.js';
import { readQuotaRemains } from './remove-quota.js';
import { parseUserState, USERS_DIR, type UserState, userStateFile } from './state.js';

export interface RemoveOptions {
  root: string;
  /** Containers, images and configuration too. */
  purge: boolean;
  /** By another program, or so it says: an account that is still there is left alone. */
  deleted?: Deleted | undefined;
  /** A session of iso-run in which nothing runs is ended; a plan leaves it alone. */
  endsIdle?: boolean;
}

/** The uid under which a user who is no account any more was set up. */
function notedUid(root: string, name: string): number | undefined {
  const folder = join(root, USERS_DIR);
  if (!existsSync(folder)) return undefined;
  const states = readdirSync(folder).map((file) => parseUserState(readPlainFile(join(folder, file))?.text));
  return states.find((state) => state?.name === name)?.uid;
}

const readState = (stateFile: string | undefined): UserState | undefined =>
  parseUserState(stateFile === undefined ? undefined : readPlainFile(stateFile)?.text);

function findLinger(root: string, name: string, isAccount: boolean, stateFile: string | undefined) {
  const state = readState(stateFile);
  const file = join(root, lingerFile(name));
  if (stateFile === undefined || state?.linger !== true || state.name !== name || !existsSync(file)) return undefined;
  return { file, isAskable: isAccount && root === '/' && whyNoSystemd() === undefined, stateFile, state };
}

interface Known {
  account: PasswdEntry;
  /** Undefined without a home. */
  user?: HomeUser;
  entries?: HomeFacts;
}

/** Undefined for an account that is gone: what it was given is taken back as well. */
async function findKnown(homes: Homes, root: string, name: string, purge: boolean): Promise<Known | undefined> {
  requireUserName(name);
  const files = readAccountFiles(root);
  const account = await findAccount(files, name).catch(unlessCode('user.unknown'));
  if (!account) return undefined;
  requireOrdinary(account, files.uidMin);
  const user = homeUser(root, account, purge ? await readGroupsOf(files, account) : []);
  // What stays is not looked into.
  const entered = await observeHome(homes, user, purge ? OBSERVED : []).catch(unlessCode('home.missing'));
  return { account, ...entered };
}

const unlessCode = (code: ErrorCode) => (error: unknown) => {
  if (error instanceof IsoError && error.code === code) return undefined;
  throw error;
};

const OBSERVED = [TREE, CONFIG, ...FILES.map((file) => file.path)];

/** @throws IsoError user.unknown, user.refused, container.running, home.unsafe */
export async function readRemoval(
  homes: Homes,
  name: string,
  { root, purge, deleted, endsIdle = false }: RemoveOptions,
): Promise<{ facts: RemoveFacts; user: HomeUser | undefined; uid: number | undefined }> {
  const known = await findKnown(homes, root, name, purge);
  const uid = known ? known.account.uid : notedUid(root, name);
  const isReleased = purge || (!known && deleted?.homeIsGone !== false);
  const lines = readRemovalLines(root, { name, uid: known?.account.uid }, isReleased);
  const quota = await readQuotaRemains(homes, root, name);
  const hasLines =
    ID_KINDS.some((id) => lines[id].present.length + lines[id].ours.length > 0) || quota.lines.projid.length > 0;
  if (!known && !hasLines && uid === undefined) {
    throw new IsoError('user.unknown', `cannot remove ${name}`, 'no account and no subordinate range has this name');
  }
  // Below another root there is nobody to ask; what stays needs no ids to be known.
  const managed = known && (root === '/' || purge) ? await askSource(root, name) : undefined;
  const ids = idsOf(lines, managed);
  if (root === '/') await requireUnused(name, ids, endsIdle);
  const stateFile = uid === undefined ? undefined : join(root, userStateFile(uid));
  // The uid of an account that is gone may be another's by now, and then what bears its number is, too.
  const isOthers = !known && uid !== undefined && readAccountFiles(root).byUid.has(uid);
  const slice = uid === undefined || isOthers ? [] : [join(root, sliceFile(uid))];
  const notes = [...slice, ...(isReleased && stateFile ? [stateFile] : [])];
  return {
    facts: {
      name,
      root,
      lines,
      managed,
      home: purge ? known?.entries : undefined,
      owner: known?.user && { uid: known.user.uid, home: known.user.home, tree: TREE, ranges: ids.uid },
      purge,
      isReleased,
      deleted,
      quota,
      linger: findLinger(root, name, known !== undefined, stateFile),
      deployed: readState(stateFile)?.files ?? {},
      notes: notes.filter((path) => existsSync(path)),
    },
    user: known?.user,
    uid,
  };
}
