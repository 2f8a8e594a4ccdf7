/** The removal of one user: facts, plan, apply. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, type PasswdEntry, readAccountFiles, readGroupsOf } from '../facts/accounts.js';
import { type HomeFacts, homeUser, observeHome } from '../facts/home.js';
import { resolveHome } from '../facts/home-path.js';
import { readIdUses } from '../facts/id-use.js';
import { type IdRange, overlaps, ownerText, parseSubids, rangesOf } from '../facts/subids.js';
import { requireUserName } from '../facts/user-name.js';
import { IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { type Homes, type HomeUser, withHomes } from '../sys/home.js';
import { whyNoSystemd } from '../sys/systemd.js';
import { applyAll } from './apply.js';
import { isAccount } from './deleted-account.js';
import { lingerFile, sliceFile } from './desired-host.js';
import { CONFIG, FILES, TREE } from './desired-user.js';
import type { Job } from './job.js';
import type { Journal } from './journal-file.js';
import { type Deleted, planRemoval, planStay, type RemoveFacts } from './plan-remove.js';
import { ID_KINDS, type IdKind } from './plan-subids.js';
import { requireOrdinary } from './refuse-account.js';
import { readQuotaRemains } from './remove-quota.js';
import { parseUserState, USERS_DIR, type UserState, userStateFile } from './state.js';
import type { Plan } from './step.js';
import { readRangesState, readSubidFile } from './subid-files.js';

/** A process whose user namespace holds ids of these ranges, or that runs with one: they would become somebody else's. */
function findProcessIn(ranges: readonly IdRange[]): number | undefined {
  return readIdUses().find(({ uids }) => uids.some((used) => ranges.some((range) => overlaps(used, range))))?.pid;
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

async function findKnown(
  root: string,
  name: string,
): Promise<{ account: PasswdEntry; user: HomeUser | undefined } | undefined> {
  requireUserName(name);
  const files = readAccountFiles(root);
  try {
    const account = await findAccount(files, name);
    requireOrdinary(account, files.uidMin);
    const home = resolveHome(root, account);
    return { account, user: homeUser(account, home, await readGroupsOf(files, account)) };
  } catch (error) {
    // Ranges of an account that is gone are taken back as well.
    if (error instanceof IsoError && error.code === 'user.unknown') return undefined;
    if (error instanceof IsoError && error.code === 'home.missing') {
      return { account: await findAccount(files, name), user: undefined };
    }
    throw error;
  }
}

function readLines(root: string, name: string, uid: number | undefined, isReleased: boolean): RemoveFacts['lines'] {
  const ours = readRangesState(root);
  const of = (id: IdKind) => {
    const lines = readSubidFile(root, id).filter((line) => line.kind === 'range');
    const present = lines
      .filter((line) => line.owner === ownerText(name) || line.owner === String(uid))
      .map((line) => line.text);
    // Also those that are in no file any more: as long as they are noted, nobody else gets their ids.
    return {
      present,
      ours: ours[id].filter((text) => present.includes(text) || (isReleased && text.startsWith(`${ownerText(name)}:`))),
    };
  };
  return { uid: of('uid'), gid: of('gid') };
}

async function readFacts(
  homes: Homes,
  name: string,
  { root, purge, deleted }: RemoveOptions,
): Promise<{ facts: RemoveFacts; user: HomeUser | undefined; uid: number | undefined }> {
  const known = await findKnown(root, name);
  const uid = known ? known.account.uid : notedUid(root, name);
  const isReleased = purge || (!known && deleted?.homeIsGone !== false);
  const lines = readLines(root, name, known ? uid : undefined, isReleased);
  const quota = await readQuotaRemains(root, name);
  const hasLines =
    ID_KINDS.some((id) => lines[id].present.length + lines[id].ours.length > 0) || quota.lines.projid.length > 0;
  if (!known && !hasLines && uid === undefined) {
    throw new IsoError('user.unknown', `cannot remove ${name}`, 'no account and no subordinate range has this name');
  }
  const ranges = (id: IdKind) => {
    const noted = parseSubids(lines[id].ours.join('\n')).flatMap((line) => (line.kind === 'range' ? [line] : []));
    return [...rangesOf(readSubidFile(root, id), { name, uid: known ? known.account.uid : -1 }), ...noted];
  };
  const running = root === '/' ? findProcessIn(ID_KINDS.flatMap(ranges)) : undefined;
  if (running) {
    throw new IsoError(
      'container.running',
      `cannot remove ${name}`,
      `process ${running} uses subordinate ids of ${name}`,
      {
        hint: `end it first: \`ps ${running}\` shows what it is`,
      },
    );
  }
  const stateFile = uid === undefined ? undefined : join(root, userStateFile(uid));
  const home: HomeFacts | undefined =
    purge && known?.user
      ? await observeHome(homes, known.user, [TREE, CONFIG, ...FILES.map((file) => file.path)])
      : undefined;
  // The uid of an account that is gone may be another's by now, and then what bears its number is, too.
  const isOthers = !known && uid !== undefined && readAccountFiles(root).byUid.has(uid);
  const slice = uid === undefined || isOthers ? [] : [join(root, sliceFile(uid))];
  const notes = [...slice, ...(isReleased && stateFile ? [stateFile] : [])];
  return {
    facts: {
      name,
      root,
      lines,
      home,
      owner: known?.user && { uid: known.user.uid, home: known.user.home, tree: TREE, ranges: ranges('uid') },
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

interface RemoveOptions {
  root: string;
  /** Containers, images and configuration too. */
  purge: boolean;
  /** By another program, or so it says: an account that is still there is left alone. */
  deleted?: Deleted | undefined;
}

async function planJob(homes: Homes, name: string, options: RemoveOptions): Promise<Job> {
  if (options.deleted && (await isAccount(options.root, name))) {
    return { plan: { subject: name, items: [planStay(name)] }, user: undefined };
  }
  const { facts, user, uid } = await readFacts(homes, name, options);
  return { plan: { subject: name, ...(uid === undefined ? {} : { uid }), items: planRemoval(facts) }, user };
}

/** What would be taken back. @throws IsoError */
export function planTakeBack(name: string, options: RemoveOptions): Promise<Plan> {
  return withHomes(async (homes) => (await planJob(homes, name, options)).plan);
}

/** Plans the removal of one user and applies it. Needs the lock of set-up. @throws IsoError */
export function takeBack(name: string, options: RemoveOptions & { journal: Journal }): Promise<Plan> {
  const { root, purge, deleted, journal } = options;
  return withHomes(async (homes) => {
    const job = await planJob(homes, name, options);
    await applyAll([job], { root, homes, journal, command: 'remove', purge, deleted });
    return job.plan;
  });
}
