/** The SELinux contexts of a container: whether it gets them, and which. Pure. */
import type { LaunchSelinux } from '../facts/selinux.js';
import { IsoError } from '../lib/errors.js';
import {
  type CategoryPair,
  categoriesOf,
  containerPair,
  formatLevel,
  parseContext,
  type SelinuxContext,
  userPairOf,
} from '../lib/selinux-context.js';
import type { Policy } from '../policy/policy.js';
import type { Security } from './options/security.js';
import type { StorageDriver } from './options.js';

const PROCESS_TYPE = 'container_t';
const FILE_TYPE = 'container_file_t';

/** What all containers of a login share of their contexts. */
export interface LabelBase {
  user: string;
  role: string;
  pair: CategoryPair;
}

export interface ContainerLabels {
  process: string;
  file: string;
  /** Of files that all containers of the user may use. */
  shared: string;
}

/**
 * The launcher makes these for a free pair (native/ops/label-pair.c). Files carry the caller's SELinux user: making those of another one takes a privilege. New files in a volume get the lower
 * end of the process's range, so what a container makes there is its user's containers', as far as the volume lets them in.
 */
export function labelsOf({ user, role, pair }: LabelBase, own: CategoryPair): ContainerLabels {
  const [shared, level] = [formatLevel(pair), formatLevel([...pair, ...own])];
  const file = `${user}:object_r:${FILE_TYPE}`;
  return {
    process: `${user}:${role}:${PROCESS_TYPE}:${shared}-${level}`,
    file: `${file}:${level}`,
    shared: `${file}:${shared}`,
  };
}

/** The context of a container's own files, by that of its processes. */
export function fileContextOf(process: string): string {
  const context = parseContext(process);
  if (!context)
    throw new IsoError('plan.invalid', 'cannot label the streams of a container', `${process} has no level`);
  return `${context.user}:object_r:${FILE_TYPE}:${context.level.split('-').at(-1)}`;
}

/** Why the login's range holds no container, or undefined when it does: all categories are needed, any may be drawn. */
function whyOutOfRange({ level }: SelinuxContext): string | undefined {
  const own = categoriesOf(level);
  for (let one = 0; one < 1024; one += 1) {
    if (!own.has(one)) return `the login's SELinux range ${level} lacks categories that containers are told apart by`;
  }
  return undefined;
}

/** The login's share of the contexts, or why its containers can have none. `isKnown` asks the loaded policy. */
export function labelBase(
  { own, tree }: LaunchSelinux,
  isKnown: (context: string) => boolean,
): LabelBase | { why: string; hint: string } {
  const range = 'run `semanage login --modify --range s0-s0:c0.c1023 NAME` for a login that may run containers';
  if (!own) return { why: 'the context of this process has no level', hint: 'use a policy with categories (MCS)' };
  const why = whyOutOfRange(own);
  if (why !== undefined) return { why, hint: range };
  const pair = tree && userPairOf(tree.level);
  if (!pair || tree.type !== FILE_TYPE) {
    const seen = tree ? `is labelled ${tree.type}:${tree.level}` : 'has no label';
    return {
      why: `the container tree ${seen}, without categories of the user's own`,
      hint: 'run `sudo iso-setup user NAME`',
    };
  }
  const base = { user: own.user, role: own.role, pair };
  const labels = labelsOf(base, containerPair(0));
  const unknown = [labels.process, labels.file].find((context) => !isKnown(context));
  if (unknown === undefined) return base;
  return { why: `the loaded policy does not know ${unknown}`, hint: 'run `sudo iso-setup system`' };
}

/**
 * The storage driver and whether the container is labelled. What cannot be labelled is refused, or under
 * `run.selinux = "report"` runs with the login's own label, and that is said.
 * @throws IsoError selinux.unlabelled
 */
export function decideLabelled(
  selinux: LabelBase | { why: string; hint: string } | undefined,
  driver: StorageDriver,
  policy: Policy['run'],
  { unlabelled }: Pick<Security, 'unlabelled'>,
): { labelled: boolean; warning?: string } {
  if (selinux === undefined) return { labelled: false };
  const hint = 'leave --storage-driver out, or use --storage-driver overlay';
  const fuse = { why: 'what fuse-overlayfs shows has one label for everybody', hint };
  const asked = { why: '--security-opt label=disable asks for it', hint: 'leave the option out' };
  const obstacle = unlabelled ? asked : 'why' in selinux ? selinux : driver === 'fuse-overlayfs' ? fuse : undefined;
  if (!obstacle) return { labelled: true };
  if (policy.selinux === 'report') {
    return { labelled: false, warning: `the container keeps the login's SELinux label: ${obstacle.why}` };
  }
  throw new IsoError('selinux.unlabelled', 'cannot give the container an SELinux label of its own', obstacle.why, {
    hint: `${obstacle.hint}; run.selinux = "report" in /etc/iso/policy.toml lets it run without`,
  });
}
