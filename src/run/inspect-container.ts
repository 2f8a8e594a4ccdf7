/** `iso-run inspect`: what is known of a container, under Podman's names. Pure. */
import type { LaunchPlan, Op, OpName, RunValues, Text } from '../sys/launcher/ops.js';
import { capabilityNames } from './capabilities.js';
import type { KeptLaunch } from './kept-launch.js';
import type { Container } from './records.js';

/** What it was created with. */
export type LaunchedWith = Pick<KeptLaunch, 'plan' | 'values'>;

type OpOf<Name extends OpName> = Extract<Op, readonly [Name, ...unknown[]]>;

/** Go's zero time, which Podman prints for what has not come about. */
const NEVER = '0001-01-01T00:00:00Z';

function reader({ plan, values }: LaunchedWith) {
  return {
    plan,
    ops: <Name extends OpName>(name: Name) => plan.filter(({ op }) => op[0] === name).map(({ op }) => op as OpOf<Name>),
    text: (text: Text) => resolveText(text, values),
  };
}

function resolveText(text: Text, values: RunValues): string {
  if (typeof text === 'string') return text;
  return values.findLast(([name]) => name === text.argument)?.[1] ?? '';
}

type Reader = ReturnType<typeof reader>;

const isVolume = ([, source]: OpOf<'bind'>) => typeof source === 'object' && source.argument.startsWith('volume.');

function mountsOf({ ops, text }: Reader) {
  return ops('bind')
    .filter(isVolume)
    .map(([, source, destination, attributes]) => ({
      Type: 'bind',
      Source: text(source),
      Destination: destination,
      Mode: '',
      Options: attributes.split(',').filter((word) => word !== 'ro'),
      RW: !attributes.split(',').includes('ro'),
      Propagation: 'private',
    }));
}

function stateOf({ state, running, paused }: Container) {
  return {
    Status: paused ? 'paused' : state.status,
    Running: running,
    Paused: paused,
    OOMKilled: state.oomKilled ?? false,
    Dead: state.status === 'exited' && state.exitCode === undefined,
    Pid: running ? (state.pid ?? 0) : 0,
    ExitCode: state.exitCode ?? 0,
    StartedAt: state.startedAt ?? NEVER,
    FinishedAt: state.finishedAt ?? NEVER,
  };
}

function configOf({ record }: Container, { ops, text }: Reader) {
  const [, mode = ''] = ops('stdio')[0] ?? [];
  const [, uid, gid] = ops('ids')[0] ?? [];
  const [, workdir] = ops('chdir')[0] ?? [];
  const [, hostname] = ops('hostname')[0] ?? [];
  return {
    Hostname: hostname === undefined ? '' : text(hostname),
    User: uid === undefined ? '' : `${uid}:${gid}`,
    Tty: mode.startsWith('terminal'),
    OpenStdin: mode === 'terminal' || mode === 'pipe',
    Env: ops('env').map(([, assignment]) => text(assignment)),
    Cmd: record.command,
    Image: record.image,
    WorkingDir: workdir === undefined ? '' : text(workdir),
    Labels: record.labels ?? {},
    StopSignal: record.stopSignal ?? 'SIGTERM',
    StopTimeout: record.stopTimeout ?? 10,
  };
}

const DEVICE_RATES = [
  ['BlkioDeviceReadBps', 'rbps'],
  ['BlkioDeviceWriteBps', 'wbps'],
  ['BlkioDeviceReadIOps', 'riops'],
  ['BlkioDeviceWriteIOps', 'wiops'],
] as const;

/** By the path that the option named; a plan has numbers alone. */
function deviceRates(plan: LaunchPlan) {
  const rates = plan.flatMap(({ op, origin }) => {
    if (op[0] !== 'cgroup-write' || op[2] !== 'io.max') return [];
    const [, numbers, key, rate] = /^(\S+) (\w+)=(\d+)$/.exec(op[3]) ?? [];
    return [{ key, Path: /^--\S+ (\/.*):/.exec(origin)?.[1] ?? numbers, Rate: Number(rate) }];
  });
  const ofKey = (wanted: string) => rates.flatMap(({ key, ...rate }) => (key === wanted ? [rate] : []));
  return Object.fromEntries(DEVICE_RATES.map(([name, key]) => [name, ofKey(key)]));
}

function restartPolicyOf(restart = 'no') {
  const [name = '', most = '0'] = restart.split(':');
  return { Name: name, MaximumRetryCount: Number(most) };
}

function hostConfigOf({ record }: Container, read: Reader) {
  const { memory = 0, swap, memoryReservation = 0, cpus = 0, pids = 0, ...others } = record.limits;
  return {
    Memory: memory,
    NanoCpus: Math.round(cpus * 1e9),
    PidsLimit: pids,
    // Of memory and swap together, as the option has it.
    MemorySwap: swap === undefined ? 0 : swap < 0 ? -1 : memory + swap,
    MemoryReservation: memoryReservation,
    CpuShares: others.cpuShares ?? 0,
    CpusetCpus: others.cpusetCpus ?? '',
    CpusetMems: others.cpusetMems ?? '',
    BlkioWeight: others.blkioWeight ?? 0,
    ...deviceRates(read.plan),
    RestartPolicy: restartPolicyOf(record.restart),
    ReadonlyRootfs: record.readOnly,
    AutoRemove: read.ops('remove').length > 1,
    NetworkMode: 'none',
    Privileged: false,
    Binds: mountsOf(read).map(({ Source, Destination, RW }) => `${Source}:${Destination}:${RW ? 'rw' : 'ro'}`),
  };
}

/** `kept` is absent for a container that an older version made. */
export function inspectContainer(container: Container, kept: LaunchedWith | undefined) {
  const { record } = container;
  const read = reader(kept ?? { plan: [], values: [] });
  const [path = '', ...args] = record.command;
  const [, mask] = read.ops('cap-bound')[0] ?? [];
  const [, effective] = read.ops('caps')[0] ?? [];
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: stateOf(container),
    Image: record.image,
    ImageName: record.image,
    Name: record.name,
    RestartCount: container.state.restarts ?? 0,
    Driver: record.storageDriver,
    ProcessLabel: record.label ?? '',
    BoundingCaps: capabilityNames(BigInt(mask ?? 0)),
    EffectiveCaps: capabilityNames(BigInt(effective ?? 0)),
    Mounts: mountsOf(read),
    Config: configOf(container, read),
    HostConfig: hostConfigOf(container, read),
    Plan: record.plan,
  };
}
