/** A further command in a running container, from its options to its exit status. */
import { join } from 'node:path';
import { readContainerCgroup } from '../facts/container-cgroup.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readRunHost, sessionDirectory } from '../facts/run-host.js';
import { IsoError } from '../lib/errors.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import { recordEvent, USER_SPOOL } from '../trail/record-event.js';
import { compileExec, type ExecSpec } from './compile-exec.js';
import { requireRunning } from './end-container.js';
import type { ExecOptions } from './exec-options.js';
import { readKeptLaunch } from './kept-launch.js';
import { type LaunchStreams, launchAnyway } from './launch-container.js';
import { type Container, newContainerId } from './records.js';
import { fileContextOf } from './selinux.js';

/** A process that is born frozen would hold its caller until somebody else wakes the container. */
function requireAwake({ record, paused }: Container): void {
  if (!paused) return;
  throw new IsoError('container.state', `cannot run a command in ${record.name}`, 'it is paused', {
    hint: `run \`iso-run unpause ${record.name}\` first`,
  });
}

/** @throws IsoError container.state, plan.invalid, usage.invalid */
export async function execSpec(identity: OwnIdentity, container: Container, options: ExecOptions): Promise<ExecSpec> {
  const { record } = container;
  const process = requireRunning(container, 'run a command in');
  const cgroup = readContainerCgroup(process.pid, record.id);
  requireAwake(container);
  const labels = record.label === undefined ? undefined : { process: record.label, file: fileContextOf(record.label) };
  // Most commands name no user, and need nothing of the image then.
  const { user } = options;
  const chosen =
    user === undefined ? {} : { user: (await import('./exec-user.js')).readExecUser(identity, container, user) };
  return {
    request: readKeptLaunch(identity, record),
    process,
    ids: identity.ids,
    terminal: options.tty,
    stdin: options.interactive,
    env: options.env,
    spool: join(identity.home, USER_SPOOL),
    uid: identity.uid,
    image: record.image,
    ...(cgroup === undefined ? {} : { cgroup: `${cgroup}/payload` }),
    ...(labels === undefined ? {} : { labels }),
    ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
    ...chosen,
  };
}

const textOf = (values: RunValues, name: string) => values.find(([key]) => key === name)?.[1] ?? '';

function recordFailure(values: RunValues, error: IsoError): IsoError {
  recordEvent({
    category: error.code === 'run.op-failed' ? 'system' : 'lifecycle',
    action: 'container.exec',
    outcome: 'failure',
    severity: 'error',
    message: `a command was not run in container ${textOf(values, 'name')}`,
    container: { id: textOf(values, 'id'), name: textOf(values, 'name'), image: textOf(values, 'image').slice(0, 256) },
    plan: textOf(values, 'plan'),
    error: error.toJSON(),
  });
  return error;
}

const leftAlone = () => new Error('the launcher left a command that it was to wait for');

export interface PreparedExec {
  plan: LaunchPlan;
  /** The same for each command. */
  constants: RunValues;
  session: string;
  scopeParent?: string;
  runtimeDir?: string;
}

/** @throws IsoError plan.invalid */
export function prepareExec({ uid, home }: OwnIdentity, { record }: Container, spec: ExecSpec): PreparedExec {
  const { runtimeDir } = readRunHost(uid, 1);
  const session = sessionDirectory(home, runtimeDir);
  const { cgroup } = spec;
  const { id, name, plan, image } = record;
  const known = { session, id, name, plan, image, ...(cgroup === undefined ? {} : { 'scope-parent': cgroup }) };
  return {
    plan: compileExec(spec),
    constants: Object.entries(known),
    session,
    ...(cgroup === undefined ? {} : { scopeParent: cgroup }),
    ...(runtimeDir === undefined ? {} : { runtimeDir }),
  };
}

interface Joining {
  command: readonly string[];
  direct: boolean;
  streams?: LaunchStreams;
}

/** A process in the container, from its start to its end. @throws IsoError when it could not be started */
export async function joinContainer(
  prepared: PreparedExec,
  { command, direct, streams }: Joining,
): Promise<Extract<LaunchOutcome, { kind: 'exited' }>> {
  const values = [...prepared.constants, ...command.map((word) => ['command', word] as const)];
  const { outcome } = await launchAnyway(prepared, values, direct, newContainerId(), streams);
  if (outcome.kind === 'exited') return outcome;
  if (outcome.kind === 'detached') throw leftAlone();
  throw recordFailure(values, explainFailure(prepared.plan, outcome, values));
}

/** The exit status of a command that has ended. @throws IsoError when it did not start, or its output was lost */
export function concludeExec(plan: LaunchPlan, values: RunValues, outcome: LaunchOutcome): number {
  if (outcome.kind === 'detached') throw leftAlone();
  if (outcome.kind !== 'exited') throw recordFailure(values, explainFailure(plan, outcome, values));
  if (outcome.lost) throw explainLoss(outcome.lost);
  return outcome.code;
}

/** Starts the command and leaves it to its monitor; an id for it, as Podman prints one. @throws IsoError when it did not start */
export async function execDetached(
  prepared: PreparedExec,
  command: readonly string[],
  direct: boolean,
): Promise<string> {
  const id = newContainerId();
  const words = command.map((word) => ['command', word] as const);
  const values: RunValues = [...prepared.constants, ['mode', 'detached'], ...words];
  const { outcome } = await launchAnyway(prepared, values, direct, id);
  // One that ended at once has run as well.
  if (outcome.kind === 'detached' || outcome.kind === 'exited') return id;
  throw recordFailure(values, explainFailure(prepared.plan, outcome, values));
}

/** The exit status of the command. @throws IsoError as `concludeExec` */
export async function execContainer(
  prepared: PreparedExec,
  command: readonly string[],
  direct: boolean,
): Promise<number> {
  const outcome = await joinContainer(prepared, { command, direct });
  return concludeExec(prepared.plan, prepared.constants, outcome);
}
