/** One container from start to end. The launcher keeps its books (compile-records.ts); what went wrong is told here. */
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readOwnIdentity } from '../facts/own-identity.js';
import { asIsoError, hasErrno, IsoError } from '../lib/errors.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import { recordEvent } from '../trail/record-event.js';
import { type Launched, launchAnyway } from './launch-container.js';
import type { RunOptions } from './options.js';
import { constantsOf, type PreparedRun } from './prepare.js';
import { containerDirectory, newContainerId, shortId } from './records.js';
import { removeContainerFiles } from './remove-container.js';

export const textOf = (values: RunValues, name: string) => values.find(([key]) => key === name)?.[1] ?? '';

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
    ...(options.mode === 'run' ? [] : [['mode', options.mode] as const]),
    ...(options.direct ? [['direct', '1'] as const] : []),
    ...(options.pidFile === undefined ? [] : [['pid-file', options.pidFile] as const]),
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

/** The payload's files are the user's from the moment it ran, however it ended. */
const didRun = (outcome: LaunchOutcome) => outcome.kind === 'exited' || (outcome.kind === 'died' && outcome.started);

export function recordFailure(values: RunValues, outcome: LaunchOutcome, error: IsoError): void {
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
  if (outcome.kind === 'detached') return false;
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
  const id = textOf(values, 'id');
  const path = containerDirectory(textOf(values, 'store'), id);
  // The launcher cleans up after itself, unless it was killed or a tree is deeper than it walks.
  if (isRemoved(plan, launched, path) && existsSync(path)) await removeContainerFiles(readOwnIdentity(), id);
  if (outcome.kind === 'detached') return 0;
  if (outcome.kind !== 'exited') {
    const error = explainFailure(plan, outcome, values);
    recordFailure(values, outcome, error);
    throw error;
  }
  if (outcome.lost) throw explainLoss(outcome.lost);
  return outcome.code;
}

/** A file that must not be there before, so that nobody takes an old id for this one. @throws IsoError write.failed */
function writeIdFile(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const why = hasErrno(error, 'EEXIST') ? 'it exists' : asIsoError(error).why;
    throw new IsoError('write.failed', `cannot write ${path}`, why, { hint: 'remove it, or give another --cidfile' });
  }
}

/** The launcher writes it, when it is too late to refuse. @throws IsoError write.failed */
function requireWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new IsoError('write.failed', `cannot write ${path}`, asIsoError(error).why, {
      hint: 'give another --pidfile',
    });
  }
}

function recordCreation(values: RunValues): void {
  const [id = '', name = '', image = ''] = ['id', 'name', 'image'].map((key) => textOf(values, key));
  recordEvent({
    category: 'lifecycle',
    action: 'container.create',
    outcome: 'success',
    severity: 'info',
    message: `container ${name} created`,
    container: { id, name, image: image.slice(0, 256) },
    plan: textOf(values, 'plan'),
  });
}

export interface Ran {
  id: string;
  code: number;
}

/** Makes the container and runs it as far as its mode says. @throws IsoError as `conclude` */
export async function runContainer(prepared: PreparedRun, options: RunOptions): Promise<Ran> {
  const values = runValues(prepared, options);
  const id = textOf(values, 'id');
  if (options.pidFile !== undefined) requireWritable(options.pidFile);
  if (options.cidFile !== undefined) writeIdFile(options.cidFile, id);
  try {
    // What is launched later needs neither session nor scope yet.
    const direct = options.direct && options.mode !== 'create';
    const code = await conclude(prepared.plan, values, await launchAnyway(prepared, values, direct, id));
    if (options.mode === 'create') recordCreation(values);
    return { id, code };
  } catch (error) {
    if (options.cidFile !== undefined) rmSync(options.cidFile, { force: true });
    throw error;
  }
}
