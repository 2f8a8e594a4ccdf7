/** The removal of one user: facts, plan, apply. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, type PasswdEntry, readAccountFiles, readGroupsOf } from '../facts/accounts.js';
import { type HomeFacts, homeUser, observeHome } from '../facts/home.js';
import { resolveHome } from '../facts/home-path.js';
import { type IdRange, overlaps, ownerText, rangesOf } from '../facts/subids.js';
import { requireUserName } from '../facts/user-name.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { type Homes, type HomeUser, withHomes } from '../sys/home.js';
import { applyJobs } from './apply.js';
import { sliceFile } from './desired-host.js';
import { CONFIG, FILES, TREE } from './desired-user.js';
import type { Job } from './job.js';
import type { Journal } from './journal-file.js';
import { planRemoval, type RemoveFacts } from './plan-remove.js';
import { ID_KINDS, type IdKind } from './plan-subids.js';
import { requireOrdinary } from './refuse-account.js';
import { readQuotaRemains } from './remove-quota.js';
import { parseUserState, userStateFile } from './state.js';
import type { Plan } from './step.js';
import { readRangesState, readSubidFile } from './subid-files.js';

/** The ids of the host that a process's user namespace maps (user_namespaces(7)); none for the host's own namespace. */
function mappedRanges(uidMap: string): IdRange[] {
  const rows = uidMap
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.flatMap(([inside = 0, start = 0, count = 0]) =>
    inside === 0 && start === 0 && count === 4294967295 ? [] : [{ start, count }],
  );
}

/** A process whose user namespace holds ids of these ranges, or that runs with one: they would become somebody else's. */
function findProcessIn(ranges: readonly IdRange[]): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      // One that ended and was not waited for uses nothing any more.
      if (/^State:\t[ZX]/m.test(status)) continue;
      const uids = /^Uid:\t(.*)$/m.exec(status)?.[1]?.split('\t') ?? [];
      const used = [
        ...uids.map((uid) => ({ start: Number(uid), count: 1 })),
        ...mappedRanges(readFileSync(`/proc/${pid}/uid_map`, 'utf8')),
      ];
      if (used.some((one) => ranges.some((range) => overlaps(one, range)))) return pid;
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
    }
  }
  return undefined;
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

function readLines(root: string, name: string, uid: number | undefined): RemoveFacts['lines'] {
  const ours = readRangesState(root);
  const of = (id: IdKind) => {
    const lines = readSubidFile(root, id).filter((line) => line.kind === 'range');
    const present = lines
      .filter((line) => line.owner === ownerText(name) || line.owner === String(uid))
      .map((line) => line.text);
    // Also those that userdel(8) took out: as long as they are noted, nobody gets their ids.
    return {
      present,
      ours: ours[id].filter((text) => present.includes(text) || text.startsWith(`${ownerText(name)}:`)),
    };
  };
  return { uid: of('uid'), gid: of('gid') };
}

async function readFacts(
  homes: Homes,
  root: string,
  name: string,
  purge: boolean,
): Promise<{ facts: RemoveFacts; user: HomeUser | undefined; uid: number | undefined }> {
  const known = await findKnown(root, name);
  const uid = known?.account.uid;
  const lines = readLines(root, name, uid);
  const quota = await readQuotaRemains(root, name);
  const hasLines =
    ID_KINDS.some((id) => lines[id].present.length + lines[id].ours.length > 0) || quota.lines.projid.length > 0;
  if (!known && !hasLines) {
    throw new IsoError('user.unknown', `cannot remove ${name}`, 'no account and no subordinate range has this name');
  }
  const ranges = ID_KINDS.flatMap((id) => rangesOf(readSubidFile(root, id), { name, uid: uid ?? -1 }));
  const running = root === '/' ? findProcessIn(ranges) : undefined;
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
  const notes = uid === undefined ? [] : [join(root, sliceFile(uid)), ...(purge && stateFile ? [stateFile] : [])];
  return {
    facts: {
      name,
      root,
      lines,
      home,
      purge,
      quota,
      deployed: parseUserState(stateFile === undefined ? undefined : readPlainFile(stateFile)?.text)?.files ?? {},
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
}

async function planJob(homes: Homes, name: string, { root, purge }: RemoveOptions): Promise<Job> {
  const { facts, user, uid } = await readFacts(homes, root, name, purge);
  return { plan: { subject: name, ...(uid === undefined ? {} : { uid }), items: planRemoval(facts) }, user };
}

/** What would be taken back. @throws IsoError */
export function planTakeBack(name: string, options: RemoveOptions): Promise<Plan> {
  return withHomes(async (homes) => (await planJob(homes, name, options)).plan);
}

/** Plans the removal of one user and applies it. Needs the lock of set-up. @throws IsoError */
export function takeBack(name: string, options: RemoveOptions & { journal: Journal }): Promise<Plan> {
  const { root, purge, journal } = options;
  return withHomes(async (homes) => {
    const job = await planJob(homes, name, options);
    await applyJobs([job], { root, homes, journal, command: 'remove', purge });
    return job.plan;
  });
}
