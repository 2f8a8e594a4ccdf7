/** One container from start to end: its directory, the launch, its records, its events. */
import { existsSync, rmSync } from 'node:fs';
import type { ContainerState } from '../facts/container-record.js';
import { withStoreLock } from '../image/store-lock.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import { launch } from '../sys/launcher/launch.js';
import type { RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import { type NewEvent, recordEvent } from '../trail/record-event.js';
import type { PreparedRun } from './prepare.js';
import {
  type ContainerDirectory,
  containerDirectory,
  createContainerDirectory,
  listContainers,
  newContainerId,
  readStartTime,
  shortId,
  writeContainerRecord,
  writeContainerState,
} from './records.js';
import { removeContainerDirectory } from './remove-container.js';
import { type ContainerLabels, freePair, labelsOf } from './selinux.js';

interface Named {
  id: string;
  name: string;
  directory: ContainerDirectory;
  /** SELinux contexts; undefined when it gets none of its own. */
  labels: ContainerLabels | undefined;
}

/** `base` of `registry/team/base:latest`, for a container that was given no name. */
function defaultName(image: string, id: string): string {
  const last = image.split('/').at(-1) ?? image;
  return `${last.split(':')[0]}-${id.slice(0, 6)}`;
}

function nameContainer(prepared: PreparedRun, wanted: string | undefined): Named {
  const { identity, image } = prepared;
  const id = newContainerId();
  const name = wanted ?? defaultName(image.name, id);
  const stored = listContainers(identity.home, identity.uid);
  if (stored.some(({ record }) => record.name === name)) {
    throw new IsoError('container.exists', `cannot name a container ${name}`, 'a container of this name exists');
  }
  const taken = stored.flatMap(({ record }) => record.label ?? []);
  const labels = prepared.labels && labelsOf(prepared.labels, freePair(taken, Number.parseInt(id.slice(0, 8), 16)));
  return { id, name, directory: containerDirectory(identity.store, id), labels };
}

function runValues({ directory, id, labels }: Named, prepared: PreparedRun): RunValues {
  const values: RunValues = {
    directory: directory.path,
    upper: directory.upper,
    work: directory.work,
    merged: directory.merged,
    hosts: directory.hosts,
    'hostname-file': directory.hostnameFile,
    hostname: prepared.spec.hostname ?? shortId(id),
    ...(labels ? { 'process-label': labels.process, 'file-label': labels.file, 'shared-label': labels.shared } : {}),
  };
  if (prepared.scopeParent === undefined) return values;
  const scope = `${prepared.scopeParent}/${scopeName(id)}`;
  const cgroup = `${scope}/container`;
  return {
    ...values,
    scope,
    monitor: `${scope}/monitor`,
    cgroup,
    payload: `${cgroup}/payload`,
    storage: `${cgroup}/storage`,
  };
}

const scopeName = (id: string) => `iso-${shortId(id)}.scope`;

/** A direct launch asks the user's manager for a delegated scope: outside it the user may not make a cgroup. */
function scopeWrapper(prepared: PreparedRun, id: string): { wrapper?: string[]; wrapperEnv?: Record<string, string> } {
  if (prepared.scopeParent === undefined || prepared.runtimeDir === undefined) return {};
  const unit = [`--unit=${scopeName(id)}`, '--slice=iso.slice', '--property=Delegate=yes'];
  return {
    wrapper: ['/usr/bin/systemd-run', '--user', '--scope', '--quiet', '--collect', ...unit, '--'],
    wrapperEnv: { XDG_RUNTIME_DIR: prepared.runtimeDir, PATH: '/usr/bin:/bin' },
  };
}

function createRecords(prepared: PreparedRun, named: Named): void {
  const { spec, image, digest } = prepared;
  createContainerDirectory(named.directory, spec.hostname ?? shortId(named.id));
  writeContainerState(named.directory.path, { status: 'created' });
  writeContainerRecord(named.directory.path, {
    schema: 1,
    id: named.id,
    name: named.name,
    image: image.name,
    command: spec.process.args,
    created: new Date().toISOString(),
    plan: digest,
    storageDriver: spec.root.driver,
    readOnly: spec.root.readOnly,
    limits: spec.limits,
    ...(named.labels ? { label: named.labels.process } : {}),
  });
}

function report(prepared: PreparedRun, named: Named, event: Omit<NewEvent, 'container' | 'plan'>): void {
  const container = { id: named.id, name: named.name, image: prepared.image.name };
  recordEvent({ ...event, container, plan: prepared.digest });
}

function startDetails({ spec }: PreparedRun, { labels }: Named, pid: number): Record<string, string | number> {
  const warnings = spec.warnings.join('; ').slice(0, 1024);
  const command = spec.process.args.join(' ').slice(0, 256);
  const label = labels ? { label: labels.process } : {};
  return { command, pid, storageDriver: spec.root.driver, ...label, ...(warnings === '' ? {} : { warnings }) };
}

/** The payload's files are the user's from the moment it ran, however it ended. */
const didRun = (outcome: LaunchOutcome) => outcome.kind === 'exited' || (outcome.kind === 'died' && outcome.started);

async function launchContainer(prepared: PreparedRun, named: Named): Promise<LaunchOutcome> {
  const { path } = named.directory;
  const state: ContainerState = { status: 'created' };
  const outcome = await launch(prepared.plan, {
    values: runValues(named, prepared),
    streams: 'inherit',
    ...scopeWrapper(prepared, named.id),
    onStart: (pid) => {
      const startTime = readStartTime(pid);
      if (startTime === undefined) return;
      Object.assign(state, { status: 'running', pid, startTime, startedAt: new Date().toISOString() });
      writeContainerState(path, state);
      report(prepared, named, {
        category: 'lifecycle',
        action: 'container.start',
        outcome: 'success',
        severity: 'info',
        message: `container ${named.name} started`,
        details: startDetails(prepared, named, pid),
      });
    },
  });
  if (didRun(outcome) && !prepared.spec.remove) {
    const { startedAt } = state;
    const finished = { status: 'exited' as const, finishedAt: new Date().toISOString() };
    const known = { ...(startedAt ? { startedAt } : {}), ...('code' in outcome ? { exitCode: outcome.code } : {}) };
    writeContainerState(path, { ...finished, ...known });
  }
  return outcome;
}

function reportFailure(prepared: PreparedRun, named: Named, error: IsoError): void {
  report(prepared, named, {
    category: error.code === 'run.op-failed' ? 'system' : 'lifecycle',
    // By then the container had started, and said so; it was its command that could not be executed.
    action: error.code.startsWith('run.not-') ? 'container.exec' : 'container.start',
    outcome: 'failure',
    severity: 'error',
    message: `container ${named.name} did not run its command`,
    error: error.toJSON(),
  });
}

/** A new container's directory and records. Under the store's lock, or two runs at once could take one name. */
function createContainer(prepared: PreparedRun, wanted: string | undefined): Promise<Named> {
  return withStoreLock(prepared.identity.store, () => {
    const named = nameContainer(prepared, wanted);
    try {
      createRecords(prepared, named);
    } catch (error) {
      rmSync(named.directory.path, { recursive: true, force: true });
      throw error;
    }
    return named;
  });
}

/** Launches; a container whose payload did not run leaves nothing. @throws IsoError */
async function launchOrRemove(prepared: PreparedRun, named: Named): Promise<LaunchOutcome> {
  try {
    const outcome = await launchContainer(prepared, named);
    if (outcome.kind !== 'exited' && !didRun(outcome)) throw explainFailure(prepared.plan, outcome);
    return outcome;
  } catch (thrown) {
    const error = asIsoError(thrown);
    await removeContainerDirectory(prepared.identity, named.directory.path);
    reportFailure(prepared, named, error);
    throw error;
  }
}

/**
 * Runs the container; its exit status. @throws IsoError when the payload did not start (then nothing of it is left), when
 * its end is not known or its output was lost
 */
export async function runContainer(prepared: PreparedRun, wantedName: string | undefined): Promise<number> {
  const named = await createContainer(prepared, wantedName);
  const outcome = await launchOrRemove(prepared, named);
  // The launcher cleans up after itself, unless it was killed or a tree is deeper than it walks.
  if (prepared.spec.remove && existsSync(named.directory.path)) {
    await removeContainerDirectory(prepared.identity, named.directory.path);
  }
  if (outcome.kind !== 'exited') {
    const error = explainFailure(prepared.plan, outcome);
    report(prepared, named, {
      category: 'system',
      action: 'container.exit',
      outcome: 'failure',
      severity: 'error',
      message: `container ${named.name} ended with its launcher`,
      error: error.toJSON(),
    });
    throw error;
  }
  report(prepared, named, {
    category: 'lifecycle',
    action: 'container.exit',
    outcome: outcome.code === 0 ? 'success' : 'failure',
    severity: 'info',
    message: `container ${named.name} ended with status ${outcome.code}`,
    details: { exitCode: outcome.code },
  });
  if (outcome.lost) throw explainLoss(outcome.lost);
  return outcome.code;
}
