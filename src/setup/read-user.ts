/** The facts of one user, and the plan that follows from them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, type PasswdEntry, readGroupsOf, requireFirstName } from '../facts/accounts.js';
import { homeUser, observeHome } from '../facts/home.js';
import { lingerFile } from '../facts/linger.js';
import { asIsoError, type ErrorRecord, IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { directoryType } from '../sys/file-context.js';
import type { Homes, HomeUser } from '../sys/home.js';
import { SLICE_TEMPLATE, sliceFile, sliceTemplateValues } from './desired-host.js';
import { CONTAINER_FILE, FILES, OBSERVED, userTemplateValues } from './desired-user.js';
import type { Job } from './job.js';
import type { IdKind, UserRanges } from './plan-subids.js';
import { type HostFile, planUser, type UserFacts } from './plan-user.js';
import { readPresent } from './provision-host.js';
import { declaredFor } from './quota-state.js';
import { readUserQuota, treeOf } from './read-quota.js';
import type { Shared } from './read-shared.js';
import { render } from './read-templates.js';
import { requireOrdinary } from './refuse-account.js';
import { parseUserState, userStateFile } from './state.js';
import type { Item } from './step.js';

/** So many users are looked at, planned and applied before the next: their plans are all that is held in memory. */
const CHUNK = 32;

function* chunksOf<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += CHUNK) yield list.slice(from, from + CHUNK);
}

/**
 * Opens chunk after chunk, each before the one in front of it is worked on: iso-home looks into homes while plans are made
 * of what it saw in others.
 */
export async function* openAhead<T>(
  users: readonly Named[],
  open: (chunk: readonly Named[]) => Promise<T>,
): AsyncGenerator<T> {
  let before: T[] = [];
  for (const chunk of chunksOf(users)) {
    const opened = await open(chunk);
    yield* before;
    before = [opened];
  }
  yield* before;
}

/** The error of one user, which must not keep the others from being set up. Anything else is thrown on. */
export function ownError(thrown: unknown): ErrorRecord {
  const error = asIsoError(thrown);
  if (error.code === 'internal') throw thrown;
  return error.toJSON();
}

/** A name as it was given, and whose it is or why it is nobody's. */
export type Named =
  | { name: string; account: PasswdEntry; error?: undefined }
  | { name: string; account?: undefined; error: ErrorRecord };

/** @throws IsoError user.unknown, user.refused, permission.denied for who asks */
async function readAccount(shared: Shared, name: string): Promise<PasswdEntry> {
  const account = await findAccount(shared.accounts, name);
  requireOrdinary(account, shared.accounts.uidMin);
  await requireFirstName(shared.accounts, account);
  if (!shared.isRoot && process.geteuid?.() !== account.uid) {
    throw new IsoError('permission.denied', `cannot set up ${account.name}`, 'only root can set up another user', {
      hint: `run \`sudo iso-setup user ${account.name}\``,
    });
  }
  return account;
}

/** Each user once: a directory may answer to several spellings of one name. */
export async function findUsers(shared: Shared, names: readonly string[]): Promise<Named[]> {
  const users: Named[] = [];
  const met = new Set<number>();
  for (const name of new Set(names)) {
    try {
      const account = await readAccount(shared, name);
      if (!met.has(account.uid)) users.push({ name, account });
      met.add(account.uid);
    } catch (thrown) {
      users.push({ name, error: ownError(thrown) });
    }
  }
  return users;
}

function sliceOf(shared: Shared, account: PasswdEntry): HostFile | undefined {
  const values = sliceTemplateValues(account, shared.policy.slice);
  if (!values) return undefined;
  const path = join(shared.root, sliceFile(account.uid));
  return { path, content: render(shared.templates, SLICE_TEMPLATE, values), present: readPresent(path) };
}

/** Rendered for paths as the user will see them: below another root they have no such prefix. */
function renderFiles(shared: Shared, account: PasswdEntry, home: string): UserFacts['files'] {
  const seen = shared.root === '/' ? home : home.slice(shared.root.length);
  const { name, uid, gid } = account;
  const values = userTemplateValues({ name, uid, gid, home: seen });
  const contentOf = (template: string) => render(shared.templates, template, values, shared.templateValues);
  return FILES.map(({ path, template }) => ({ path, content: contentOf(template) }));
}

function readState(shared: Shared, stateFile: string, account: PasswdEntry): UserFacts['state'] {
  if (!shared.isRoot) return undefined;
  const state = parseUserState(readPlainFile(stateFile)?.text);
  // Another user had this uid before.
  return state?.uid === account.uid && state.name === account.name ? state : undefined;
}

/** Undefined where the policy has not learned the type yet, too: labels are told as missing then. */
function readTreeType({ root, features }: Shared, home: string): UserFacts['treeType'] {
  if (features.selinux !== undefined || features.unknownTypes.includes(CONTAINER_FILE)) return undefined;
  return directoryType(treeOf(root, home));
}

/** What could be written must parse; what stays as it is need not be parsed again. @throws IsoError template.invalid */
async function checkRendered(shared: Shared, items: readonly Item[], user: HomeUser): Promise<void> {
  for (const { step } of items) {
    if (step?.kind !== 'home.write') continue;
    const file = FILES.find(({ path }) => path === step.args.path);
    if (file) await shared.templates.get(file.template)?.check(step.args.content, user);
  }
}

/** All that is decided from outside the home, and the question of what is in it, on its way. */
export interface UserCase {
  account: PasswdEntry;
  ranges: Record<IdKind, UserRanges>;
  entered: ReturnType<typeof observeHome>;
}

/** A user on the way to a plan, or to the error that is in its place. */
export type OpenedUser = { name: string; error: ErrorRecord } | { name: string; error?: undefined; one: UserCase };

export async function openUser(
  shared: Shared,
  homes: Homes,
  account: PasswdEntry,
  ranges: UserCase['ranges'],
): Promise<OpenedUser> {
  const { name } = account;
  try {
    const user = homeUser(shared.root, account, await readGroupsOf(shared.accounts, account));
    const entered = observeHome(homes, user, OBSERVED);
    // Its failure is told where it is awaited, which may be after that of others.
    entered.catch(() => undefined);
    return { name, one: { account, ranges, entered } };
  } catch (thrown) {
    return { name, error: ownError(thrown) };
  }
}

export interface CaseNotes {
  /** Steps for the whole host, which the first user's plan carries. */
  delegation: readonly Item[];
  /** A run that was killed had begun with this user. */
  isUnfinished: boolean;
}

async function planCase(shared: Shared, one: UserCase, notes: CaseNotes): Promise<Job> {
  const { root, isRoot } = shared;
  const { account, ranges } = one;
  const { user, entries } = await one.entered;
  const stateFile = join(root, userStateFile(account.uid));
  const items = planUser(
    {
      account,
      root,
      home: user.home,
      tree: treeOf(root, user.home),
      entries,
      ranges,
      files: renderFiles(shared, account, user.home),
      state: readState(shared, stateFile, account),
      stateFile,
      isUnfinished: notes.isUnfinished,
      isReset: shared.isReset,
      ...(await readUserQuota(shared.quotas, account, user.home, entries)),
      declared: declaredFor(shared.quotas.declared, account),
      tools: shared.tools,
      features: shared.features,
      slice: sliceOf(shared, account),
      lingering: existsSync(join(root, lingerFile(account.name))),
      categories: shared.categoriesOf?.(account.uid),
      treeType: readTreeType(shared, user.home),
      isRoot,
    },
    shared.policy,
    notes.delegation,
  );
  await checkRendered(shared, items, user);
  const device = entries.get('')?.device ?? 0;
  return { plan: { subject: account.name, uid: account.uid, items }, user, device };
}

/** The plan of a user, or one that is an error. */
export async function planOpened(shared: Shared, opened: OpenedUser, notes: CaseNotes): Promise<Job> {
  const refused = (error: ErrorRecord): Job => ({ plan: { subject: opened.name, items: [], error }, user: undefined });
  if (opened.error) return refused(opened.error);
  try {
    return await planCase(shared, opened.one, notes);
  } catch (thrown) {
    return refused(ownError(thrown));
  }
}
