/** A user's plan: validate, create, verify, deploy. Everything is decided here, from facts, before the first change. Pure. */
import type { PasswdEntry } from '../facts/accounts.js';
import type { HomeFacts } from '../facts/home.js';
import type { FeatureFacts, ToolFact } from '../facts/setup-host.js';
import { IsoError } from '../lib/errors.js';
import { userPair } from '../lib/selinux-context.js';
import { formatMode } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { HomeOutcome } from '../sys/home.js';
import { digestOf, judgeFile } from './plan-files.js';
import {
  type JudgedFile,
  judgeFiles,
  planDirectories,
  planFiles,
  planLabels,
  planVerification,
  type RenderedFile,
} from './plan-home.js';
import { planReload } from './plan-host.js';
import { type LingerFacts, lingerNote, planLinger } from './plan-linger.js';
import type { ProjectFacts } from './plan-project.js';
import { planUserQuota, type QuotaFacts } from './plan-quota.js';
import { planHomeContexts } from './plan-selinux.js';
import { formatRange, ID_KINDS, type IdKind, type UserRanges } from './plan-subids.js';
import type { DeclaredQuota } from './quota-state.js';
import { type Deployed, remember, type UserState } from './state.js';
import { type Item, type ItemText, item } from './step.js';

/** A file of the host that belongs to one user, such as the limits of the user's slice. */
export interface HostFile {
  path: string;
  content: string;
  present: { content: string; mode: number } | undefined;
}

export interface UserFacts {
  root: string;
  account: PasswdEntry;
  /** Without symbolic links; below `root` it is the path as this process sees it. */
  home: string;
  entries: HomeFacts;
  ranges: Record<IdKind, UserRanges>;
  files: readonly RenderedFile[];
  state: UserState | undefined;
  stateFile: string;
  /** A run that was killed had begun with this user: its files may be half written, its reload of units may be missing. */
  isUnfinished: boolean;
  /** The container tree as the user sees it. */
  tree: string;
  project: ProjectFacts;
  quota: QuotaFacts;
  declared: DeclaredQuota | undefined;
  tools: readonly ToolFact[];
  features: FeatureFacts;
  /** Undefined when the policy sets no ceiling. */
  slice: HostFile | undefined;
  lingering: boolean;
  /** Number of the user's pair of SELinux categories; undefined without SELinux, and without root. */
  categories: number | undefined;
  /** The SELinux type that the policy says the container tree has; undefined without SELinux, and without root. */
  treeType: string | undefined;
  isRoot: boolean;
  /** Edited files are replaced. */
  isReset?: boolean;
}

const NO_ROOT = 'this needs root; what is in the home can be done without';
const HOST_FILE_MODE = 0o644;
const NO_LOGIN = /\/(nologin|false)$/;

/** Whoever can write a home can replace what is in it. @throws IsoError home.unsafe */
function requirePrivateHome(account: PasswdEntry, entry: HomeOutcome | undefined): number {
  const mode = entry?.mode ?? 0;
  if ((mode & 0o022) === 0) return mode;
  const why = `its mode is ${formatMode(mode)}: others than ${account.name} can write it`;
  throw new IsoError('home.unsafe', `cannot use the home ${account.home} of ${account.name}`, why, {
    hint: `run \`chmod go-w ${account.home}\` as ${account.name}`,
  });
}

function planValidation({ account, entries, tools }: UserFacts): Item[] {
  const id = `uid ${account.uid}, gid ${account.gid}`;
  const mode = formatMode(requirePrivateHome(account, entries.get('')));
  const text = (kind: string, subject: string, current: string): ItemText => ({
    kind,
    subject,
    current,
    desired: current,
  });
  const canLogIn = !NO_LOGIN.test(account.shell);
  const home = `a directory of ${account.name}, ${mode}`;
  return [
    item.unchanged('validate', text('account', account.name, id), `an ordinary account: ${id}`),
    item.unchanged(
      'validate',
      text('login', account.name, account.shell || 'no shell'),
      canLogIn ? 'the account can log in' : 'the account cannot log in, which containers of services do not need',
    ),
    item.unchanged('validate', text('home', account.home, home), `${home}; no other user can write it`),
    ...tools.map((tool) =>
      tool.path === undefined
        ? item.unavailable(
            'validate',
            { kind: 'tool', subject: tool.name, current: 'absent', desired: 'installed' },
            `not installed: \`apt-get install ${tool.package}\``,
          )
        : item.unchanged('validate', text('tool', tool.name, tool.path), 'installed'),
    ),
  ];
}

const formatRanges = (owner: string, ranges: UserRanges['present']) =>
  ranges.length === 0 ? 'none' : ranges.map((range) => formatRange(owner, range)).join(' ');

function planRanges({ account, ranges }: UserFacts): Item[] {
  return ID_KINDS.map((id) => {
    const { present, fresh, isShort, isDoubled, managedBy } = ranges[id];
    const current = formatRanges(account.name, present);
    const subject = managedBy === undefined ? `/etc/sub${id}` : `sub${id} of ${managedBy}`;
    const text: ItemText = { kind: 'subids', subject, current, desired: current };
    const managed = managedBy === undefined ? '' : `ranges managed by ${managedBy} (nsswitch.conf)`;
    if (isShort && managedBy) return item.drift('create', text, `less than subids.count of the policy; ${managed}`);
    if (isShort) return item.drift('create', text, 'less than subids.count of the policy; `--repair` adds a range');
    if (isDoubled) return item.drift('create', text, 'lines share ids with each other; `--repair` takes them apart');
    if (managedBy) return item.unchanged('create', text, `already ${current}; ${managed}`);
    if (!fresh) return item.unchanged('create', text, `already ${current}`);
    const desired = formatRange(account.name, fresh);
    const reason = present.length === 0 ? '' : 'the present ranges are smaller than the policy asks for';
    const args = { id, owner: account.name, uid: account.uid, range: fresh };
    return item.todo('create', { ...text, desired }, { kind: 'subids.add', args }, reason);
  });
}

function verifyRanges({ account, ranges }: UserFacts): Item[] {
  return ID_KINDS.map((id) => {
    const { present, fresh, managedBy } = ranges[id];
    const desired = formatRange(account.name, fresh ?? present[0] ?? { start: 0, count: 0 });
    const subject = managedBy === undefined ? `/etc/sub${id}` : `sub${id} of ${managedBy}`;
    const text: ItemText = { kind: 'subids', subject, current: 'not read back', desired };
    if (!fresh) return item.unchanged('verify', { ...text, current: desired }, `read back: ${desired}`);
    const args = { id, owner: account.name, uid: account.uid, count: fresh.count };
    return item.todo('verify', text, { kind: 'subids.verify', args });
  });
}

function planSlice({ features, slice, isUnfinished }: UserFacts): Item[] {
  if (!slice) return [];
  const verdict = judgeFile({
    ...slice,
    mode: HOST_FILE_MODE,
    deployed: slice.present ? [digestOf(slice.present.content)] : [],
  });
  const text = { kind: 'slice', subject: slice.path, current: verdict.current, desired: verdict.desired };
  const args = { path: slice.path, mode: HOST_FILE_MODE, content: slice.content, isOneOfMany: true as const };
  const file =
    verdict.action === 'none'
      ? item.unchanged('create', text, verdict.reason)
      : item.todo('create', text, { kind: 'file.write', args }, verdict.reason);
  return verdict.action !== 'none' || isUnfinished ? [file, ...planReload(features)] : [file];
}

const lingerOf = ({ account, lingering, features }: UserFacts): LingerFacts => ({
  name: account.name,
  isOn: lingering,
  whyNot: features.systemd,
  whyNobody: features.polkit,
});

/** What the whole host has or has not, told with each user since it decides what the user's limits are worth. */
function planHostFeatures(facts: UserFacts, delegation: readonly Item[]): Item[] {
  const { account, features, entries, isRoot, categories, tree, treeType } = facts;
  const restricted = features.apparmor === undefined;
  const namespaces = {
    kind: 'apparmor',
    subject: 'user namespaces',
    current: restricted ? 'by profile' : 'not restricted',
  };
  return [
    ...(isRoot ? delegation : []),
    ...planHomeContexts(tree, treeType, !NO_LOGIN.test(account.shell)),
    ...planLabels(entries, features, categories === undefined ? undefined : userPair(categories)),
    item.unchanged(
      'create',
      { ...namespaces, desired: namespaces.current },
      features.apparmor ?? 'the profile that lets the launcher make them is loaded by `iso-setup system`',
    ),
  ];
}

/** The note of what is ours is written before anything is changed, so a killed run leaves nothing that is nobody's. */
function planState(facts: UserFacts, files: readonly JudgedFile[], policy: Policy['linger']): Item[] {
  const { account, state, stateFile, isRoot, categories } = facts;
  if (!isRoot) return [];
  const after: Deployed = { ...state?.files };
  let isNews = false;
  for (const { path, content, verdict } of files) {
    const digest = digestOf(content);
    if (verdict.action === 'keep' || after[path]?.includes(digest)) continue;
    after[path] = remember(after[path], digest);
    isNews = true;
  }
  const pair = categories ?? state?.categories;
  const linger = lingerNote(lingerOf(facts), policy, state);
  const text = { kind: 'state', subject: stateFile, current: state ? 'older' : 'absent', desired: 'recorded' };
  if (state && !isNews && state.categories === pair && state.linger === linger.linger)
    return [item.unchanged('create', { ...text, current: 'recorded' }, 'already recorded')];
  const next: UserState = {
    schema: 1,
    uid: account.uid,
    name: account.name,
    files: after,
    ...(pair === undefined ? {} : { categories: pair }),
    ...linger,
  };
  return [item.todo('create', text, { kind: 'state.write', args: { path: stateFile, state: next } })];
}

/**
 * All items of one user, in the order in which they are done.
 * @throws IsoError home.unsafe when something in the home is not the user's own
 */
export function planUser(facts: UserFacts, policy: Policy, delegation: readonly Item[]): Item[] {
  const owner = { name: facts.account.name, uid: facts.account.uid };
  const files = judgeFiles(facts.entries, facts.files, {
    deployed: facts.state?.files ?? {},
    isUnfinished: facts.isUnfinished,
    isReset: facts.isReset === true,
  });
  const items = [
    ...planValidation(facts),
    ...planState(facts, files, policy.linger),
    ...planRanges(facts),
    ...planDirectories(facts.entries, owner),
    ...planUserQuota({ ...facts, uids: facts.ranges.uid.present }, policy.quota, facts.isRoot),
    ...planSlice(facts),
    planLinger(lingerOf(facts), policy.linger),
    ...planHostFeatures(facts, delegation),
    ...verifyRanges(facts),
    ...planVerification(facts.entries, owner),
    ...planFiles(facts.entries, owner, files),
  ];
  return facts.isRoot ? items : items.map(withoutRoot);
}

/** Users may set up their own homes; ranges stay in the plan, since without them there is nothing to use. */
function withoutRoot(planned: Item): Item {
  const { step, ...rest } = planned;
  if (!step || step.kind.startsWith('home.') || step.kind.startsWith('subids.')) return planned;
  return { ...rest, state: 'unavailable', reason: NO_ROOT };
}
