/** What carries out each kind of step: thin, and complete by type, since a kind without its row does not compile. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describeFailure, describeType, tildePath } from '../facts/home-words.js';
import { type ErrorCode, IsoError } from '../lib/errors.js';
import { formatMode } from '../lib/units.js';
import { makeDirectory, replaceFile } from '../sys/atomic-file.js';
import { run } from '../sys/exec.js';
import { directoryType, forgetFileContexts } from '../sys/file-context.js';
import type { HomeOp, HomeOutcome, Homes } from '../sys/home.js';
import { runWithPipes } from '../sys/real-pipe.js';
import { buildHomeContexts, installPolicyModules } from '../sys/selinux.js';
import { disableLinger, enableLinger, reloadUnits } from '../sys/systemd.js';
import type { Unsynced } from './checkpoint.js';
import { clearTree } from './clear-tree.js';
import { CONTAINER_FILE } from './desired-user.js';
import type { Command } from './journal.js';
import type { Journal } from './journal-file.js';
import type { Deleted } from './plan-remove.js';
import { quotaExecutors } from './quota-executors.js';
import { formatState } from './state.js';
import type { HomeStepArgs, HostStepArgs, Step, StepKind, StepNote } from './step.js';
import { removeRanges } from './subid-files.js';

const ROOT = { uid: 0, gid: 0 };

/** What steps are carried out with, beside their arguments. */
export interface ApplyContext {
  root: string;
  homes: Homes;
  journal: Journal;
  command: Command;
  /** Of `remove`. */
  purge?: boolean;
  deleted?: Deleted | undefined;
  /** What was applied since the last checkpoint, and what could not be made to last. */
  unsynced: Unsynced[];
  losses: string[];
}

/** Steps on the two files of ranges are carried out for all users at once, before anything else. */
export type RangeStepKind = 'subids.add' | 'subids.verify' | 'subids.repair';
/** Those on the files of quota projects for many users at once, by apply-projects.ts. */
export type SharedStepKind = RangeStepKind | 'project.record';
type SingleStepArgs = Omit<HostStepArgs, SharedStepKind>;

/** Steps inside a home as requests to iso-home. */
export const homeOps: { [K in keyof HomeStepArgs]: (args: HomeStepArgs[K]) => HomeOp } = {
  'home.mkdir': ({ path, mode }) => ({ op: 'mkdir', path, mode }),
  'home.chmod': ({ path, mode }) => ({ op: 'chmod', path, mode }),
  'home.project': ({ path, project }) => ({ op: 'project', path, project }),
  'home.label': ({ path, context }) => ({ op: 'label', path, context }),
  'home.write': ({ path, mode, content }) => ({ op: 'write', path, mode, content }),
  'home.verify': ({ path }) => ({ op: 'observe', path }),
  'home.unlink': ({ path }) => ({ op: 'unlink', path }),
  'home.empty': ({ path }) => ({ op: 'empty', path }),
  'home.rmdir': ({ path }) => ({ op: 'rmdir', path }),
};

const updatePam = async (args: readonly string[]) =>
  void (await run('pam-auth-update', args, { env: { DEBIAN_FRONTEND: 'noninteractive' } }));
const made = new Set<string>();

/** Asked for once a folder: there is a file for each user in it. */
function makeStateFolder(path: string): void {
  if (made.has(path)) return;
  makeDirectory(path, 0o700);
  made.add(path);
}

const TOOL_MS = 120_000;

/** Another user's step may have done it: homes in one directory have their contexts in common. */
async function learnHome(tree: string): Promise<void> {
  if (directoryType(tree) === CONTAINER_FILE) return;
  await buildHomeContexts();
  forgetFileContexts();
  const type = directoryType(tree);
  if (type === CONTAINER_FILE) return;
  throw new IsoError('selinux.unlabelled', `cannot keep the labels of ${tree}`, `the policy says its type is ${type}`, {
    hint: `\`semanage fcontext -a -e /home DIRECTORY\` says where homes are`,
  });
}

/** Steps on the host. */
export const hostExecutors: {
  [K in keyof SingleStepArgs]: (args: SingleStepArgs[K], context: ApplyContext) => Promise<void> | StepNote | void;
} = {
  'state.write': ({ path, state }) => {
    makeStateFolder(dirname(path));
    replaceFile(path, formatState(state), { mode: 0o600, ...ROOT, isUnsynced: 'uid' in state });
  },
  ...quotaExecutors,
  'tree.clear': clearTree,
  'subids.remove': async ({ owner, root, release }, { journal }) =>
    void (await removeRanges(root, owner, release, journal)),
  'file.remove': ({ path }) => rmSync(path, { force: true }),
  'file.write': ({ path, mode, content, isOneOfMany = false }) =>
    replaceFile(path, content, { mode, ...ROOT, isUnsynced: isOneOfMany }),
  'directory.make': ({ path, mode }) => makeDirectory(path, mode),
  'mode.set': ({ path, mode }) => chmodSync(path, mode),
  'setting.set': ({ name, value }) => writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value),
  'module.load': async ({ name }) => void (await runWithPipes('modprobe', ['--', name], TOOL_MS)),
  'systemd.reload': () => reloadUnits(),
  'linger.enable': ({ name }) => enableLinger(name),
  'linger.disable': ({ name }) => disableLinger(name),
  'selinux.install': ({ modules }) => installPolicyModules(modules),
  'selinux.homes': ({ tree }) => learnHome(tree),
  'apparmor.load': async ({ path }) => void (await run('apparmor_parser', ['--replace', '--', path])),
  'audit.load': async () => void (await runWithPipes('augenrules', ['--load'], TOOL_MS)),
  'pam.enable': ({ profile }) => updatePam(['--enable', profile]),
  'pam.disable': ({ profile }) => updatePam(['--package', '--remove', profile]),
};

/** What a host may refuse without the rest being worthless: told as unavailable, and the run goes on. */
export const OPTIONAL: ReadonlySet<StepKind> = new Set<StepKind>([
  'selinux.homes',
  'setting.set',
  'module.load',
  'systemd.reload',
  'apparmor.load',
  'audit.load',
  'pam.enable',
  'pam.disable',
]);

const UNSAFE = ['ELOOP', 'ENOTDIR', 'EXDEV', 'EPERM', 'EMLINK', 'EINVAL', 'ESTALE', 'EEXIST', 'EISDIR'];

export type HomeStep = Step<keyof HomeStepArgs>;

/** Why a step inside a home failed, or undefined when what was read back is what was asked for. */
export function homeFailure(
  step: HomeStep,
  outcome: HomeOutcome,
  owner: { name: string; uid: number },
): IsoError | undefined {
  const { path } = step.args;
  const fail = (code: ErrorCode, why: string) =>
    new IsoError(code, `cannot ${step.kind.slice('home.'.length)} ${tildePath(path)} of ${owner.name}`, why);
  // What the user cannot remove is root's to remove, or to say why not.
  if (outcome.error === 'ENOTEMPTY' && step.kind === 'home.empty') return undefined;
  if (outcome.error !== undefined) {
    const code = UNSAFE.includes(outcome.error) ? 'home.unsafe' : 'write.failed';
    return fail(
      code,
      outcome.error === 'EEXIST' ? `${basename(path)} appeared meanwhile` : describeFailure(path, outcome, owner.uid),
    );
  }
  if (!('mode' in step.args)) return undefined;
  const type = step.kind === 'home.write' ? '-' : step.kind === 'home.chmod' ? outcome.type : 'd';
  const seen = `read back as ${describeType(outcome.type)}, ${formatMode(outcome.mode)}, owner ${outcome.uid}`;
  if (outcome.type !== type || outcome.uid !== owner.uid) return fail('home.unsafe', seen);
  return outcome.mode === step.args.mode ? undefined : fail('step.failed', seen);
}
