/** The vocabulary of set-up: phases, items that people read, steps that change the host. Plain data. */
import type { ProjectLines } from '../facts/project-lines.js';
import type { RangeFault } from '../facts/range-faults.js';
import type { IdRange } from '../facts/subids.js';
import type { ErrorRecord } from '../lib/errors.js';
import type { ProjectLimits } from '../sys/quota.js';
import type { TreeOwner, TreeRequest } from '../sys/tree.js';
import type { ProjectOwner } from './plan-project.js';
import type { IdKind } from './plan-subids.js';
import type { DeclaredQuota } from './quota-state.js';
import type { HostState, UserState } from './state.js';

export const PHASES = ['validate', 'create', 'verify', 'deploy'] as const;
export type Phase = (typeof PHASES)[number];

/** Steps inside a home, done by iso-home as the user. Paths are below the home. */
export interface HomeStepArgs {
  'home.mkdir': { path: string; mode: number };
  'home.chmod': { path: string; mode: number };
  'home.project': { path: string; project: number };
  'home.label': { path: string; context: string };
  'home.write': { path: string; mode: number; content: string };
  /** Reads a directory back and compares. */
  'home.verify': { path: string; mode: number };
  'home.unlink': { path: string };
  /** Removes what lies below a directory, as far as its owner may. */
  'home.empty': { path: string };
  'home.rmdir': { path: string };
}

/** Steps on the host, done by root. Paths are absolute. */
export interface HostStepArgs {
  /** The range as planned; under the lock it is allocated again, and another one taken when this one is gone. */
  'subids.add': { id: IdKind; owner: string; uid: number; range: IdRange };
  /** Reads the file back: the user must have a range of at least this size there. */
  'subids.verify': { id: IdKind; owner: string; uid: number; count: number };
  /** Puts one faulty line right; those of a call together, in one write. */
  'subids.repair': { id: IdKind; fault: RangeFault };
  'state.write': { path: string; state: UserState | HostState };
  /** The name of a user's quota project and its tree, in /etc/projid and /etc/projects. */
  'project.record': { root: string; owner: ProjectOwner; id: number };
  /** Puts what is in the tree already into its project. */
  'project.tag': TreeRequest;
  /** Removes what is left below a container tree: files of subordinate ids. */
  'tree.clear': TreeOwner;
  /** Takes lines of /etc/projid and /etc/projects back. */
  'project.forget': { root: string; lines: ProjectLines };
  /** Remembers what was declared for a user over the policy; nothing declared is forgotten. */
  'quota.declare': { root: string; uid: number; declared: DeclaredQuota };
  'quota.limit': { home: string; project: number; limits: ProjectLimits };
  /** Takes back the lines that iso-setup added for this name; their ids are nobody else's until they are released. */
  'subids.remove': { owner: string; root: string; release: boolean };
  'file.remove': { path: string };
  /** `isOneOfMany`: a file for each user, synced together with those of others. */
  'file.write': { path: string; mode: number; content: string; isOneOfMany?: true };
  'directory.make': { path: string; mode: number };
  'mode.set': { path: string; mode: number };
  'setting.set': { name: string; value: string };
  'module.load': { name: string };
  'systemd.reload': Record<string, never>;
  'linger.enable': { name: string };
  'linger.disable': { name: string };
  'apparmor.load': { path: string };
  /** Modules of the SELinux policy, in one transaction. */
  'selinux.install': { modules: readonly { file: string; priority: number }[] };
  /** The policy's file contexts for a container tree, whose home it may not know yet. */
  'selinux.homes': { tree: string };
  /** Makes the kernel's audit rules of auditd's files. */
  'audit.load': Record<string, never>;
  /** Turns a profile of pam-auth-update(8) on or off. */
  'pam.enable': { profile: string };
  'pam.disable': { profile: string };
}

/** From a step's kind to its arguments. A kind added here does not compile until something executes it. */
export interface StepArgs extends HomeStepArgs, HostStepArgs {}

/** What a step says of itself afterwards: `drift` when it could not do all of it. */
export interface StepNote {
  state?: 'drift';
  reason: string;
}

export type StepKind = keyof StepArgs;
export type Step<K extends StepKind = StepKind> = { [P in K]: { kind: P; args: StepArgs[P] } }[K];

/**
 * `todo`: would be done; `unchanged`: is as it should be; `drift`: is not, and is left alone for the given reason;
 * `unavailable`: this host cannot; then after apply `done`, `failed`, `not started`.
 */
export type ItemState = 'todo' | 'done' | 'unchanged' | 'drift' | 'unavailable' | 'failed' | 'not started';

/** One line of a plan: what is, what should be, and why nothing or what is done about it. */
export interface Item {
  phase: Phase;
  /** Subject area: `subids`, `directory`, `file`, `quota`, … */
  kind: string;
  subject: string;
  current: string;
  desired: string;
  state: ItemState;
  reason: string;
  step?: Step;
  /** A file that somebody edited, as it is and as it would be written. */
  edit?: { before: string; after: string };
  /** The difference of the two, where somebody asked for it. */
  diff?: string;
}

/** A plan for one subject (a user, or the host), complete before the first change. */
export interface Plan {
  subject: string;
  uid?: number;
  items: Item[];
  /** Why there is no plan, or which step failed. */
  error?: ErrorRecord;
}

export type ItemText = Omit<Item, 'state' | 'reason' | 'step' | 'phase' | 'edit' | 'diff'>;

// Field by field: thousands of users have fifty items each, and a spread costs more than twice as much.
const itemOf = (
  phase: Phase,
  { kind, subject, current, desired }: ItemText,
  state: ItemState,
  reason: string,
): Item => ({
  phase,
  kind,
  subject,
  current,
  desired,
  state,
  reason,
});

/** Items by what becomes of them; the text comes first, the reason last. */
export const item = {
  todo: (phase: Phase, text: ItemText, step: Step, reason = ''): Item => ({
    ...itemOf(phase, text, 'todo', reason),
    step,
  }),
  unchanged: (phase: Phase, text: ItemText, reason: string): Item => itemOf(phase, text, 'unchanged', reason),
  drift: (phase: Phase, text: ItemText, reason: string): Item => itemOf(phase, text, 'drift', reason),
  unavailable: (phase: Phase, text: ItemText, reason: string): Item => itemOf(phase, text, 'unavailable', reason),
};
