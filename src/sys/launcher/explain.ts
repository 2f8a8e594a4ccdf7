/** A failed op in words: what it would have done, why not, what helps, and the option behind it. Pure. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { type ErrorCode, IsoError } from '../../lib/errors.js';
import { printableArguments, showText } from './encode.js';
import type { LaunchPlan, Op, OpName, PlannedOp, RunValues, Text } from './ops.js';
import type { LaunchOutcome, StatusRecord } from './status.js';

/** Values of the run, by which references in the plan are shown. */
type Show = (text: Text) => string;

const showWith =
  (values: RunValues): Show =>
  (text) =>
    (typeof text === 'object' && values.find(([name]) => name === text.argument)?.[1]) || showText(text);

/** What an op does, after "cannot". Ops that are absent here are described by name and arguments. */
const WORDS: { [Name in OpName]?: (op: Extract<Op, readonly [Name, ...unknown[]]>, show: Show) => string } = {
  claim: ([, , name], show) => `name the container ${show(name)}`,
  'make-directory': ([, path], show) => `create the directory ${show(path)}`,
  'write-file': ([, path], show) => `write ${show(path)}`,
  'append-line': ([, path]) => `add to ${path}`,
  'cgroup-make': ([, directory], show) => `create the cgroup ${show(directory)}`,
  'cgroup-write': ([, directory, file, value], show) => `write ${value} to ${file} of the cgroup ${show(directory)}`,
  hold: () => 'launch the container',
  'keep-launch': ([, path], show) => `write ${show(path)}`,
  supervise: () => 'open the log of the container and the socket to attach to',
  session: () => "map the user's subordinate ids",
  namespace: ([, name]) => `create a ${name} namespace`,
  overlay: () => 'mount the image with the kernel overlay driver',
  'fuse-overlayfs': ([, program]) => `mount the image with ${program}`,
  root: ([, path], show) => `open the root file system ${show(path)}`,
  mount: ([, type, target]) => `mount ${type} on ${target}`,
  bind: ([, source, target], show) => `bind ${show(source)} on ${target}`,
  adopt: ([, source, target], show) => `fill the new volume ${show(source)} with what the image has in ${target}`,
  device: ([, source, target]) => `bind the device ${source} on ${target}`,
  mkdir: ([, path]) => `create the directory ${path} in the container`,
  touch: ([, path]) => `create the file ${path} in the container`,
  mask: ([, path]) => `mask ${path}`,
  readonly: ([, path]) => `make ${path} read-only`,
  terminal: () => 'allocate a terminal in the container',
  ids: ([, uid, gid]) => `become user ${uid} and group ${gid}`,
  chdir: ([, path], show) => `change to the working directory ${show(path)}`,
  sysctl: ([, path, value]) => `set ${path.replaceAll('/', '.')} to ${value} in the container`,
  'oom-score': ([, adjustment]) => `set the OOM score adjustment to ${adjustment}`,
  rlimit: ([, resource, soft, hard]) => `set resource limit ${resource} to ${soft}:${hard}`,
  hostname: ([, name], show) => `set the host name ${show(name)}`,
  seccomp: () => 'load the system-call filter',
  container: () => "create the container's namespaces",
  beside: () => 'start a process in the container',
  program: ([, path]) => `open ${path}`,
  join: ([, pid]) => `join the container of process ${pid}`,
};

const HINTS: { [Name in OpName]?: string } = {
  session: 'ask the administrator to run `iso-setup user NAME` again; it checks /etc/subuid, newuidmap and newgidmap',
  'fuse-overlayfs': 'check that /dev/fuse can be opened by this user, or use --storage-driver overlay',
  overlay: 'use --storage-driver fuse-overlayfs',
  container: 'check that user namespaces are allowed: sysctl user.max_user_namespaces',
  bind: 'check that the source exists and that this user can reach it',
  chdir: 'choose a directory that exists in the image with --workdir',
  'oom-score': 'give a number that is not below the one in /proc/self/oom_score_adj of the shell',
  rlimit: "give no more than the caller's own hard limit, which `ulimit -Ha` shows",
  sysctl: 'settings of message queues and shared memory need Linux 6.9; others may be read-only on this kernel',
  join: 'see with `iso-run ps -a` whether the container still runs',
  ids: 'choose ids below the number of subordinate ids of this user',
};

function describe(planned: PlannedOp, show: Show): string {
  const { op } = planned;
  const words = WORDS[op[0]] as ((op: Op, show: Show) => string) | undefined;
  return words ? words(op, show) : `carry out ${formatOp(planned)}`.trim();
}

/** errno as text: `no such file or directory (ENOENT)`. */
export function errnoText(errno: number): string {
  const [name, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error'];
  return `${text} (${name})`;
}

function explainExec(plan: LaunchPlan, failure: StatusRecord, values: RunValues): IsoError {
  const arg = plan.find((planned) => planned.op[0] === 'arg')?.op[1];
  const command = JSON.stringify(arg ?? values.find(([name]) => name === 'command')?.[1] ?? '');
  const missing = failure.errno === 2 || failure.errno === 20;
  const code: ErrorCode = missing ? 'run.not-found' : 'run.not-executable';
  const exec = plan[failure.index];
  const where =
    exec && exec.op[0] === 'exec' && !command.includes('/')
      ? `, looked for in ${showWith(values)(exec.op[1]).replace(/^PATH=/, '')}`
      : '';
  return new IsoError(code, `cannot run ${command} in the container`, `${errnoText(failure.errno)}${where}`);
}

function why(planned: PlannedOp, failure: StatusRecord): string {
  const detail = failure.detail === 0 ? '' : `; its program ended with wait status ${failure.detail}`;
  return `${errnoText(failure.errno)}${detail} (${planned.origin}; op ${failure.index} of the ${planned.stage} stage)`;
}

function explainDeath({ status, started }: Extract<LaunchOutcome, { kind: 'died' }>): IsoError {
  if (started) {
    return new IsoError(
      'run.launcher-died',
      'cannot tell how the container ended',
      `its launcher was ended (${status})`,
    );
  }
  // 128+n is how the launcher itself ends when a signal reached it before the container lived.
  const signo = Number(/^status (\d+)$/.exec(status)?.[1]) - 128;
  const signal = Object.entries(constants.signals).find(([, number]) => number === signo)?.[0];
  if (signal) return new IsoError('interrupted', 'cannot launch the container', `${signal} ended the launch`);
  return new IsoError(
    'run.launcher-died',
    'cannot launch the container',
    `the launcher ended without a report (${status})`,
  );
}

/** The error that output which the caller's descriptor did not take is. */
export function explainLoss({ role, index, errno }: StatusRecord): IsoError {
  const stream = index === 1 ? 'standard output' : 'standard error';
  if (role === 'outer') return new IsoError('write.failed', `cannot write the container's ${stream}`, errnoText(errno));
  const why = 'it was not read for so long that the rest was cut off: the container does not wait for who is attached';
  return new IsoError('write.failed', `cannot follow the container's ${stream}`, why, {
    hint: 'see all of it with `iso-run logs NAME`',
  });
}

/** The error that a launch which did not run its payload is; `values` are those of the run. */
export function explainFailure(
  plan: LaunchPlan,
  outcome: Exclude<LaunchOutcome, { kind: 'exited' | 'detached' }>,
  values: RunValues = [],
): IsoError {
  if (outcome.kind === 'died') return explainDeath(outcome);
  const { failure, exec } = outcome;
  if (exec) return explainExec(plan, failure, values);
  const planned = plan[failure.index];
  if (!planned) {
    return new IsoError(
      'internal',
      'cannot launch the container',
      `report on op ${failure.index}, which the plan lacks`,
    );
  }
  const show = showWith(values);
  if (planned.op[0] === 'claim' && failure.errno === constants.errno.EEXIST) {
    return new IsoError('container.exists', `cannot ${describe(planned, show)}`, 'a container of this name exists');
  }
  if (planned.op[0] === 'hold' && failure.errno === constants.errno.EAGAIN) {
    return new IsoError('container.running', 'cannot launch the container', 'another launch of it goes on');
  }
  if (planned.op[0] === 'bind' && failure.errno === constants.errno.ESTALE) {
    const seen = `the user's session sees another file there than the caller does (${planned.origin})`;
    return new IsoError('run.op-failed', `cannot ${describe(planned, show)}`, seen, {
      hint: 'use --direct, which launches without the session',
    });
  }
  return new IsoError('run.op-failed', `cannot ${describe(planned, show)}`, why(planned, failure), {
    hint: HINTS[planned.op[0]],
  });
}

/** One line an op, for `iso-run plan`. */
export function formatOp(planned: PlannedOp): string {
  return [planned.op[0], ...printableArguments(planned)].join(' ');
}
