/** What all users of one call of iso-setup share, read once. */
import { join } from 'node:path';
import { type AccountFiles, readAccountFiles } from '../facts/accounts.js';
import { type FeatureFacts, readFeatures, readTools, type ToolFact } from '../facts/setup-host.js';
import { readSubidSource } from '../facts/subid-source.js';
import type { SubidLine } from '../facts/subids.js';
import type { Policy } from '../policy/policy.js';
import { readPolicy } from '../policy/read-policy.js';
import { DELEGATION_FILE, HOST_FILES, SLICE_TEMPLATE } from './desired-host.js';
import { commonTemplateValues, FILES, LABELS, labelOf } from './desired-user.js';
import { planDelegation } from './plan-host.js';
import { createCategoryAllocator } from './plan-selinux.js';
import { createAllocator, type IdKind, spellings, type UserRanges } from './plan-subids.js';
import { readHostNotes, renderHostFile } from './provision-host.js';
import { readCategories } from './read-categories.js';
import { type QuotaRegister, readQuotaRegister } from './read-quota.js';
import { type CheckedTemplate, readPublicFile, readTemplates } from './read-templates.js';
import type { Item } from './step.js';
import { type AllocationFacts, readRangeNotes, readSubidFile, toSpaces } from './subid-files.js';

export interface Shared {
  /** Absolute, without symbolic links; `/` for this host. */
  root: string;
  isRoot: boolean;
  /** Files that users edited are replaced. */
  isReset: boolean;
  policy: Policy;
  accounts: AccountFiles;
  templates: Map<string, CheckedTemplate>;
  /** What templates of users may name beside what is each user's own. */
  templateValues: object;
  tools: ToolFact[];
  features: FeatureFacts;
  quotas: QuotaRegister;
  delegation: Item[];
  allocation: AllocationFacts;
  allocate: (user: { name: string; uid: number }) => Record<'uid' | 'gid', UserRanges>;
  /** Number of a user's pair of SELinux categories; undefined without SELinux, and without root. */
  categoriesOf: ((uid: number) => number) | undefined;
}

const CONTEXTS = new Map(LABELS.map(({ type }) => [type, labelOf(type)]));
const TEMPLATES = [...FILES.map((file) => file.template), SLICE_TEMPLATE];

function allocationFacts(
  accounts: AccountFiles,
  policy: Policy,
  taken: readonly number[],
  growsShort: boolean,
): AllocationFacts {
  return {
    policy: policy.subids,
    realIds: {
      uid: [...accounts.users.map((user) => user.uid), ...taken],
      gid: [...accounts.groups.map((group) => group.gid), ...accounts.users.map((user) => user.gid), ...taken],
    },
    names: spellings(accounts.users),
    loginDefs: accounts.loginDefs,
    growsShort,
    notes: readRangeNotes(accounts.root),
  };
}

/**
 * The same with the files of ranges as they are now. `taken` are ids that no new range may hold, beside those
 * of accounts; `repair` are the files as a repair that is only planned would leave them.
 */
export function withFreshRanges(shared: Shared, taken: readonly number[], repair?: SharedOptions['repair']): Shared {
  const { root, accounts, policy } = shared;
  const allocation = allocationFacts(accounts, policy, taken, shared.allocation.growsShort === true);
  const lines = repair ?? { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
  return { ...shared, allocation, allocate: allocatorOf(root, lines, allocation) };
}

/** Where another source gives the ranges, the files do not even have to be sound: `withManagedRanges` asks it. */
function allocatorOf(root: string, lines: Record<IdKind, readonly SubidLine[]>, facts: AllocationFacts) {
  const isFiles = readSubidSource(root) === undefined;
  return createAllocator(toSpaces(isFiles ? lines : { uid: [], gid: [] }, facts), facts);
}

export interface SharedOptions {
  /** Absolute, without symbolic links; `/` for this host. */
  root: string;
  /** A run that was killed had begun. */
  isUnfinished: boolean;
  /** The files of ranges as a repair leaves them; undefined when none was asked for. */
  repair?: Record<IdKind, readonly SubidLine[]> | undefined;
  /** Files that users edited are replaced. */
  isReset?: boolean;
}

/** @throws IsoError */
export async function readShared({ root, isUnfinished, repair, isReset = false }: SharedOptions): Promise<Shared> {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const accounts = readAccountFiles(root);
  const features = readFeatures(root, CONTEXTS);
  const isRoot = process.geteuid?.() === 0;
  const delegationFile = HOST_FILES.find((file) => file.path === DELEGATION_FILE);
  const templates = await readTemplates(root, [...TEMPLATES, ...(delegationFile ? [delegationFile.template] : [])]);
  const allocation = allocationFacts(accounts, policy, [], repair !== undefined);
  const lines = repair ?? { uid: readSubidFile(root, 'uid'), gid: readSubidFile(root, 'gid') };
  const delegation = delegationFile && isRoot ? renderHostFile(root, templates, policy, delegationFile) : undefined;
  const hostContainers = {
    registries: readPublicFile(join(root, 'etc/containers/registries.conf')),
    policy: readPublicFile(join(root, 'etc/containers/policy.json')),
  };
  return {
    root,
    isRoot,
    isReset,
    policy,
    accounts,
    templates,
    templateValues: commonTemplateValues(policy, hostContainers, features.selinux === undefined),
    tools: readTools(root),
    features,
    quotas: readQuotaRegister(root, isRoot),
    delegation: delegation ? planDelegation(delegation, { ...readHostNotes(root), features, isUnfinished }) : [],
    allocation,
    allocate: allocatorOf(root, lines, allocation),
    categoriesOf: isRoot && features.selinux === undefined ? createCategoryAllocator(readCategories(root)) : undefined,
  };
}
