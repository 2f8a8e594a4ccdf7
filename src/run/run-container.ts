/** One container from start to end. The launcher keeps its books (compile-records.ts); what went wrong is told here. */
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { readOwnIdentity } from '../facts/own-identity.js';
import type { IsoError } from '../lib/errors.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import { type LaunchOptions, launch } from '../sys/launcher/launch.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import { recordEvent } from '../trail/record-event.js';
import type { RunOptions } from './options.js';
import { constantsOf, type PreparedRun } from './prepare.js';
import { containerDirectory, newContainerId, shortId } from './records.js';
import { removeContainerDirectory } from './remove-container.js';

const textOf = (values: RunValues, name: string) => values.find(([key]) => key === name)?.[1] ?? '';

/** All values of one run, with a new id. */
function runValues(prepared: PreparedRun, options: RunOptions): RunValues {
  const id = newContainerId();
  const fixed = constantsOf(prepared);
  return [
    ...fixed,
    ['id', id],
    ['name', options.name ?? `${textOf(fixed, 'stem')}-${id.slice(0, 6)}`],
    ['short-id', shortId(id)],
    ['hostname', options.hostname ?? shortId(id)],
    ...(options.workdir === undefined ? [] : [['workdir', options.workdir] as const]),
    ...options.env.map((assignment, index) => [`env.${index}`, assignment] as const),
    ...options.labels.map(({ value }, index) => [`label.${index}`, value] as const),
    ...prepared.spec.volumes.flatMap(({ index, source, identity, named }) => [
      [`volume.${index}`, source] as const,
      [`volume-id.${index}`, identity] as const,
      ...(named ? [[`volume-home.${index}`, dirname(source)] as const] : []),
    ]),
    ...options.command.map((word) => ['command', word] as const),
  ];
}

/** What is launched, and what a direct launch of it needs: the manager's help where the launch writes to a cgroup. */
export type Launchable = Pick<PreparedRun, 'plan' | 'scopeParent' | 'runtimeDir'>;

/** A direct launch asks the user's manager for a delegated scope: outside it the user may not make a cgroup. */
function scopeOf({ scopeParent, runtimeDir }: Launchable, id: string): Pick<LaunchOptions, 'wrapper' | 'wrapperEnv'> {
  if (scopeParent === undefined || runtimeDir === undefined) return {};
  const unit = [`--unit=iso-${shortId(id)}.scope`, '--slice=iso.slice', '--property=Delegate=yes'];
  return {
    wrapper: ['/usr/bin/systemd-run', '--user', '--scope', '--quiet', '--collect', ...unit, '--'],
    wrapperEnv: { XDG_RUNTIME_DIR: runtimeDir, PATH: '/usr/bin:/bin' },
  };
}

/** What the launcher says when no session takes the launch and it has no cgroup for a direct one. */
function needsScope(outcome: LaunchOutcome): boolean {
  return outcome.kind === 'failed' && outcome.failure.index === 0 && outcome.failure.errno === constants.errno.EAGAIN;
}

interface Launched {
  outcome: LaunchOutcome;
  /** Nothing of the container outlives its launcher. */
  direct: boolean;
}

/** Whose streams a launch has. */
export type LaunchStreams = Pick<LaunchOptions, 'streams' | 'onSpawn'>;

/** In the user's session, or without one; `scopeId` names the scope of a direct launch. */
export async function launchAnyway(
  prepared: Launchable,
  values: RunValues,
  direct: boolean,
  scopeId: string,
  streams: LaunchStreams = { streams: 'inherit' },
): Promise<Launched> {
  if (!direct) {
    const outcome = await launch(prepared.plan, { values, direct, ...streams });
    if (!needsScope(outcome)) return { outcome, direct };
  }
  const scope = scopeOf(prepared, scopeId);
  return { outcome: await launch(prepared.plan, { values, direct: true, ...streams, ...scope }), direct: true };
}

/** The payload's files are the user's from the moment it ran, however it ended. */
const didRun = (outcome: LaunchOutcome) => outcome.kind === 'exited' || (outcome.kind === 'died' && outcome.started);

function recordFailure(values: RunValues, outcome: LaunchOutcome, error: IsoError): void {
  const [id, name, image] = ['id', 'name', 'image'].map((key) => textOf(values, key));
  const isLate = didRun(outcome);
  // By then the container had started, and said so; it was its command that could not be executed.
  const action = isLate ? 'container.exit' : error.code.startsWith('run.not-') ? 'container.exec' : 'container.start';
  recordEvent({
    category: isLate || error.code === 'run.op-failed' ? 'system' : 'lifecycle',
    action,
    outcome: 'failure',
    severity: 'error',
    message: `container ${name} ${isLate ? 'ended with its launcher' : 'did not run its command'}`,
    container: { id: id ?? '', name: name ?? '', image: image ?? '' },
    plan: textOf(values, 'plan'),
    error: error.toJSON(),
  });
}

/** What the books say, for a launcher that was killed before it could say anything. */
function hasBegun(path: string): boolean {
  try {
    return !readFileSync(join(path, 'state.json'), 'utf8').includes('"created"');
  } catch {
    return false;
  }
}

/** Whether the container is to be taken away. One of a session goes on without its launcher, and is the monitor's to remove. */
function isRemoved(plan: LaunchPlan, { outcome, direct }: Launched, path: string): boolean {
  if (outcome.kind === 'died' && !direct) return false;
  const ran = didRun(outcome) || (outcome.kind === 'died' && hasBegun(path));
  return !ran || plan.some(({ stage, op }) => stage === 'exited' && op[0] === 'remove');
}

/**
 * The exit status of a launch that has ended. @throws IsoError when the payload did not start (then nothing of it is left),
 * when its end is not known or its output was lost
 */
export async function conclude(plan: LaunchPlan, values: RunValues, launched: Launched): Promise<number> {
  const { outcome } = launched;
  const path = containerDirectory(textOf(values, 'store'), textOf(values, 'id'));
  // The launcher cleans up after itself, unless it was killed or a tree is deeper than it walks.
  if (isRemoved(plan, launched, path) && existsSync(path)) await removeContainerDirectory(readOwnIdentity(), path);
  if (outcome.kind !== 'exited') {
    const error = explainFailure(plan, outcome, values);
    recordFailure(values, outcome, error);
    throw error;
  }
  if (outcome.lost) throw explainLoss(outcome.lost);
  return outcome.code;
}

/** Runs the container; its exit status. @throws IsoError as `conclude` */
export async function runContainer(prepared: PreparedRun, options: RunOptions): Promise<number> {
  const values = runValues(prepared, options);
  return conclude(prepared.plan, values, await launchAnyway(prepared, values, options.direct, textOf(values, 'id')));
}
