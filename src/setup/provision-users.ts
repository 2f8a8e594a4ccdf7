/** `iso-setup user`: facts of the users, their plans, and apply. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AccountFiles,
  findAccount,
  type PasswdEntry,
  readAccountFiles,
  readGroupsOf,
  requireFirstName,
} from '../facts/accounts.js';
import { homeUser, observeHome } from '../facts/home.js';
import { resolveHome } from '../facts/home-path.js';
import { projectOf, readHomeQuota } from '../facts/home-quota.js';
import { type FeatureFacts, readFeatures, readTools, type ToolFact } from '../facts/setup-host.js';
import type { SubidLine } from '../facts/subids.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { readPolicy } from '../policy/read-policy.js';
import { readPlainFile } from '../sys/atomic-file.js';
import type { HomeUser } from '../sys/home.js';
import { applyJobs } from './apply.js';
import { DELEGATION_FILE, HOST_FILES, SLICE_TEMPLATE, sliceFile, sliceTemplateValues } from './desired-host.js';
import { FILES, type HostContainers, LABELS, labelOf, OBSERVED, userTemplateValues } from './desired-user.js';
import type { Job } from './job.js';
import { planDelegation } from './plan-host.js';
import { createAllocator, type IdKind, spellings, type UserRanges } from './plan-subids.js';
import { type HostFile, planUser, type UserFacts } from './plan-user.js';
import { readHostNotes, readPresent, renderHostFile } from './provision-host.js';
import { type CheckedTemplate, readPublicFile, readTemplates, render } from './read-templates.js';
import { requireOrdinary } from './refuse-account.js';
import { withSetupLock } from './setup-lock.js';
import { parseUserState, userStateFile } from './state.js';
import type { Item, Plan } from './step.js';
import { type AllocationFacts, readRetired, readSubidFile, toSpaces } from './subid-files.js';
import { takenIds } from './taken-ids.js';

export interface SetupOptions {
  /** Absolute, without symbolic links; `/` for this host. */
  root: string;
  dryRun: boolean;
  /** The files of ranges as a repair leaves them; undefined when none was asked for. */
  repair?: Record<IdKind, readonly SubidLine[]> | undefined;
}

/** What all users of one call share, read once. */
interface Shared {
  root: string;
  isRoot: boolean;
  policy: Policy;
  accounts: AccountFiles;
  templates: Map<string, CheckedTemplate>;
  host: HostContainers;
  tools: ToolFact[];
  features: FeatureFacts;
  delegation: Item[];
  allocation: AllocationFacts;
  /** Uids that have a plan. */
  planned: Set<number>;
  allocate: (user: { name: string; uid: number }) => Record<'uid' | 'gid', UserRanges>;
}

const CONTEXTS = new Map(LABELS.map(({ type }) => [type, labelOf(type)]));
const TEMPLATES = [...FILES.map((file) => file.template), SLICE_TEMPLATE];

function allocationFacts(
  accounts: AccountFiles,
  policy: Policy,
  taken: readonly number[],
  repair: SetupOptions['repair'],
): AllocationFacts {
  return {
    policy: policy.subids,
    realIds: {
      uid: [...accounts.users.map((user) => user.uid), ...taken],
      gid: [...accounts.groups.map((group) => group.gid), ...accounts.users.map((user) => user.gid), ...taken],
    },
    names: spellings(accounts.users),
    loginDefs: accounts.loginDefs,
    growsShort: repair !== undefined,
    retired: readRetired(accounts.root),
  };
}

async function readShared({ root, repair }: SetupOptions, taken: readonly number[]): Promise<Shared> {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const accounts = readAccountFiles(root);
  const features = readFeatures(root, CONTEXTS);
  const isRoot = process.geteuid?.() === 0;
  const delegationFile = HOST_FILES.find((file) => file.path === DELEGATION_FILE);
  const templates = await readTemplates(root, [...TEMPLATES, ...(delegationFile ? [delegationFile.template] : [])]);
  const allocation = allocationFacts(accounts, policy, taken, repair);
  const lines = repair ?? { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
  const delegation = delegationFile && isRoot ? renderHostFile(root, templates, policy, delegationFile) : undefined;
  return {
    root,
    isRoot,
    policy,
    accounts,
    templates,
    host: {
      registries: readPublicFile(join(root, 'etc/containers/registries.conf')),
      policy: readPublicFile(join(root, 'etc/containers/policy.json')),
    },
    tools: readTools(root),
    features,
    delegation: delegation ? planDelegation(delegation, { ...readHostNotes(root), features }) : [],
    allocation,
    planned: new Set(),
    allocate: createAllocator(toSpaces(lines, allocation), allocation),
  };
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
  const values = userTemplateValues({ name, uid, gid, home: seen }, shared.policy, shared.host);
  return FILES.map(({ path, template }) => ({ path, content: render(shared.templates, template, values) }));
}

function readState(shared: Shared, stateFile: string, account: PasswdEntry): UserFacts['state'] {
  if (!shared.isRoot) return undefined;
  const state = parseUserState(readPlainFile(stateFile)?.text);
  // Another user had this uid before.
  return state?.uid === account.uid && state.name === account.name ? state : undefined;
}

/** What could be written must parse; what stays as it is need not be parsed again. @throws IsoError template.invalid */
async function checkRendered(shared: Shared, items: readonly Item[]): Promise<void> {
  for (const { step } of items) {
    if (step?.kind !== 'home.write') continue;
    const file = FILES.find(({ path }) => path === step.args.path);
    if (file) await shared.templates.get(file.template)?.check(step.args.content);
  }
}

async function planOne(shared: Shared, name: string, delegation: readonly Item[]): Promise<Job | undefined> {
  const { root, accounts, isRoot } = shared;
  const account = await findAccount(accounts, name);
  requireOrdinary(account, accounts.uidMin);
  await requireFirstName(accounts, account);
  // A directory may answer to several spellings of one name.
  if (shared.planned.has(account.uid)) return undefined;
  shared.planned.add(account.uid);
  if (!isRoot && process.geteuid?.() !== account.uid) {
    throw new IsoError('permission.denied', `cannot set up ${account.name}`, 'only root can set up another user', {
      hint: `run \`sudo iso-setup user ${account.name}\``,
    });
  }
  const home = resolveHome(root, account);
  const user: HomeUser = homeUser(account, home, await readGroupsOf(accounts, account));
  const stateFile = join(root, userStateFile(account.uid));
  const project = projectOf(account.uid);
  const items = planUser(
    {
      account,
      home,
      entries: await observeHome(user, OBSERVED),
      ranges: shared.allocate(account),
      files: renderFiles(shared, account, home),
      state: readState(shared, stateFile, account),
      stateFile,
      project,
      quota: await readHomeQuota(home, project ?? 0),
      tools: shared.tools,
      features: shared.features,
      slice: sliceOf(shared, account),
      lingering: existsSync(join(root, 'var/lib/systemd/linger', account.name)),
      isRoot,
    },
    shared.policy,
    delegation,
  );
  await checkRendered(shared, items);
  return { plan: { subject: account.name, uid: account.uid, items }, user };
}

/** One bad home must not keep the others from being set up: its error is its plan. */
async function planAll(shared: Shared, names: readonly string[]): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const name of new Set(names)) {
    try {
      const job = await planOne(shared, name, jobs.some((one) => one.user) ? [] : shared.delegation);
      if (job) jobs.push(job);
    } catch (thrown) {
      const error = asIsoError(thrown);
      if (error.code === 'internal') throw thrown;
      jobs.push({ plan: { subject: name, items: [], error: error.toJSON() }, user: undefined });
    }
  }
  return jobs;
}

const newRanges = (jobs: readonly Job[]) =>
  jobs.flatMap(({ plan }) => plan.items.flatMap(({ step }) => (step?.kind === 'subids.add' ? [step.args] : [])));

const MAX_ROUNDS = 64;

async function plan(options: SetupOptions, names: readonly string[]): Promise<{ shared: Shared; jobs: Job[] }> {
  const { root } = options;
  const taken: number[] = [];
  for (let round = 0; ; round += 1) {
    const shared = await readShared(options, taken);
    const jobs = await planAll(shared, names);
    const uids = jobs.flatMap(({ plan: { uid } }) => (uid === undefined ? [] : [uid]));
    const found = await takenIds(
      root,
      newRanges(jobs).map(({ range }) => range),
      uids,
      round === 0,
    );
    if (found.length === 0) return { shared, jobs };
    if (round === MAX_ROUNDS) {
      throw new IsoError(
        'subid.overlap',
        'cannot find subordinate ids',
        `the accounts of this host hold ids in ${round} ranges in a row`,
        {
          hint: 'set subids.min in /etc/iso/policy.toml beyond the ids of your directory service',
        },
      );
    }
    taken.push(...found);
  }
}

function requireRoot(shared: Shared, jobs: readonly Job[]): void {
  if (shared.isRoot || newRanges(jobs).length === 0) return;
  const names = jobs.map((job) => job.plan.subject).join(' ');
  throw new IsoError(
    'permission.denied',
    'cannot add subordinate ids',
    'only root may write /etc/subuid and /etc/subgid',
    {
      hint: `run \`sudo iso-setup user ${names}\``,
    },
  );
}

/** Plans the given users and, unless `dryRun`, applies. Errors of single users are on their plans. @throws IsoError */
export async function provisionUsers(names: readonly string[], options: SetupOptions): Promise<Plan[]> {
  const { root, dryRun } = options;
  const plans = (jobs: readonly Job[]) => jobs.map((job) => job.plan);
  // One user most often has nothing to do, and then no lock is needed; of many, some have, and planning twice would cost.
  if (dryRun || names.length === 1) {
    const { shared, jobs } = await plan(options, names);
    const isIdle = !jobs.some((job) => job.plan.items.some((item) => item.state === 'todo'));
    if (dryRun || isIdle) return plans(jobs);
    requireRoot(shared, jobs);
  }
  return withSetupLock(root, async () => {
    const { shared, jobs } = await plan(options, names);
    requireRoot(shared, jobs);
    await applyJobs(jobs, root, shared.allocation);
    return plans(jobs);
  });
}
