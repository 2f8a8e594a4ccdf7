/** A further command in a running container, from its options to its exit status. */
import { join } from 'node:path';
import { readContainerCgroup } from '../facts/container-cgroup.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readRunHost, sessionDirectory } from '../facts/run-host.js';
import { findImage, layerPath } from '../image/store.js';
import { IsoError } from '../lib/errors.js';
import { mappedIds } from '../lib/id-mapping.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import { recordEvent, USER_SPOOL } from '../trail/record-event.js';
import { compileExec, type ExecSpec } from './compile-exec.js';
import { requireRunning } from './end-container.js';
import type { ExecOptions } from './exec-options.js';
import { readLayerFile } from './image-files.js';
import { type PayloadUser, resolveUser } from './image-user.js';
import { readKeptLaunch } from './kept-launch.js';
import { type LaunchStreams, launchAnyway } from './launch-container.js';
import { type Container, containerDirectory, newContainerId } from './records.js';
import { fileContextOf } from './selinux.js';

/** By the container's own files, as it changed them; an image that was removed meanwhile has none to add. */
function readUser(identity: OwnIdentity, { record }: Container, user: string): PayloadUser {
  const { store, ids } = identity;
  const upper = join(containerDirectory(store, record.id), 'upper');
  const layers = findImage(store, record.image).layers.map((digest) => layerPath(store, digest));
  const read = (path: string) => readLayerFile([...layers, upper], path) ?? '';
  return resolveUser(user, read('etc/passwd'), read('etc/group'), { uid: mappedIds(ids.uid), gid: mappedIds(ids.gid) });
}

/** A process that is born frozen would hold its caller until somebody else wakes the container. */
function requireAwake({ record, paused }: Container): void {
  if (!paused) return;
  throw new IsoError('container.state', `cannot run a command in ${record.name}`, 'it is paused', {
    hint: `run \`iso-run unpause ${record.name}\` first`,
  });
}

/** @throws IsoError container.state, plan.invalid, usage.invalid */
export function execSpec(identity: OwnIdentity, container: Container, options: ExecOptions): ExecSpec {
  const { record } = container;
  const process = requireRunning(container, 'run a command in');
  const cgroup = readContainerCgroup(process.pid, record.id);
  requireAwake(container);
  const labels = record.label === undefined ? undefined : { process: record.label, file: fileContextOf(record.label) };
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
    ...(options.user === undefined ? {} : { user: readUser(identity, container, options.user) }),
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

/** The exit status of the command. @throws IsoError as `concludeExec` */
export async function execContainer(
  prepared: PreparedExec,
  command: readonly string[],
  direct: boolean,
): Promise<number> {
  const outcome = await joinContainer(prepared, { command, direct });
  return concludeExec(prepared.plan, prepared.constants, outcome);
}
