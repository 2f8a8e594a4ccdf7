/** Options, policy and facts to the container's specification, in the words of the OCI runtime-spec. Pure. */
import type { RunHostFacts } from '../facts/run-host.js';
import type { ImageRecord } from '../image/record.js';
import { IsoError } from '../lib/errors.js';
import type { IdMappings } from '../lib/id-mapping.js';
import type { Policy } from '../policy/policy.js';
import type { Text } from '../sys/launcher/ops.js';
import { CAPABILITIES, parseCapability } from './capabilities.js';
import type { BoundDevice } from './devices.js';
import type { PayloadUser } from './image-user.js';
import { type DeviceRate, decideLimits, type Limits } from './limits.js';
import type { Label } from './options/labels.js';
import type { LogOptions } from './options/log.js';
import { decideNetworkOwner, type NetworkOwner } from './options/network-owner.js';
import { checkPackageConfig } from './options/package-config.js';
import type { HostAddress, Resolver } from './options/resolver.js';
import type { Restart } from './options/restart.js';
import type { Sysctl } from './options/sysctls.js';
import type { Tmpfs } from './options/tmpfs.js';
import type { Ulimit } from './options/ulimits.js';
import type { RunOptions, StorageDriver } from './options.js';
import { decideLabelled, type LabelBase } from './selinux.js';
import type { BoundVolume } from './volumes.js';

/** An assignment of the environment: as it is, or the value of an option of this run. */
export interface Variable {
  name: string;
  assignment: Text;
}

/** A compiled filter, and whether the kernel logs what it denies. */
export interface FilterProgram {
  log: boolean;
  program: Uint8Array;
}

/** A label of the container: the number of the option whose value it has in this run. */
export interface LabelValue {
  name: string;
  index: number;
}

export interface ContainerSpec {
  process: {
    /** The image's own part of the command; `command` when this run gives the rest. */
    args: string[];
    command: boolean;
    env: Variable[];
    cwd: Text;
    user: PayloadUser;
    capabilities: string[];
    terminal: boolean;
    stdin: boolean;
    ulimits: Ulimit[];
    oomScore?: number;
    /** A program of the host that is pid 1 and starts the command. */
    init?: string;
  };
  /** `tmpfs`: with a read-only root, file systems in memory where programs expect to write. */
  root: { layers: string[]; readOnly: boolean; tmpfs: boolean; driver: StorageDriver };
  volumes: BoundVolume[];
  tmpfs: Tmpfs[];
  devices: BoundDevice[];
  /** Bytes of /dev/shm; 0 for no bound. */
  shmSize: number;
  sysctls: Sysctl[];
  networkOwner: NetworkOwner;
  hosts: HostAddress[];
  resolver?: Resolver;
  /** Directories of the host that are bound read-only under the same name. */
  packageConfig: string[];
  labels: LabelValue[];
  stop: { signal?: string; timeout?: number };
  restart?: Restart;
  ids: IdMappings;
  /** Filters in the order in which they are loaded; none when the run is unconfined. */
  seccomp: FilterProgram[];
  limits: Limits;
  /** Controllers to hand down; empty when the container has no cgroup of its own. */
  controllers: string[];
  /** The payload and its files carry SELinux contexts of this container's own. */
  labelled: boolean;
  cgroupMount?: string;
  remove: boolean;
  /** It can be launched again. */
  restartable: boolean;
  log: LogOptions;
  /** A file of the caller's gets the payload's pid. */
  pidFile: boolean;
  warnings: string[];
}

export interface SpecFacts {
  host: RunHostFacts;
  image: ImageRecord;
  /** Absolute paths of the image's layers, lowest first. */
  layers: string[];
  ids: IdMappings;
  user: PayloadUser;
  volumes: BoundVolume[];
  rates: DeviceRate[];
  devices: BoundDevice[];
  seccomp: { programs: FilterProgram[]; warning?: string };
  /** Undefined where SELinux is not enabled. */
  selinux?: LabelBase | { why: string; hint: string };
  /** What is to be said of a container that would end with the login. */
  lingerWarning?: string | undefined;
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Files of kernel overlay can carry the container's own SELinux label, those of fuse-overlayfs cannot. */
export function chooseDriver(
  options: Pick<RunOptions, 'storageDriver'>,
  policy: Policy,
  { host, selinux }: Pick<SpecFacts, 'host' | 'selinux'>,
): StorageDriver {
  const wanted = options.storageDriver ?? policy.run.storage_driver;
  if (wanted !== 'auto') {
    if (wanted === 'fuse-overlayfs' && host.fuseOverlayfs !== undefined) {
      throw new IsoError('feature.missing', 'cannot use the storage driver fuse-overlayfs', host.fuseOverlayfs, {
        hint: 'ask the administrator to run `iso-setup system`, or use --storage-driver overlay',
      });
    }
    return wanted;
  }
  if (selinux && !('why' in selinux)) return 'overlay';
  return host.fuseOverlayfs === undefined ? 'fuse-overlayfs' : 'overlay';
}

/** Capabilities of the container: policy, plus and minus the options, within the kernel's names. */
export function decideCapabilities(options: RunOptions, policy: Policy): string[] {
  const named = (list: string[]) => list.filter((name) => name.toUpperCase() !== 'ALL').map(parseCapability);
  const [added, dropped] = [named(options.capAdd), named(options.capDrop)];
  const hasAll = (list: string[], names: string[]) => names.length < list.length;
  const [addsAll, dropsAll] = [hasAll(options.capAdd, added), hasAll(options.capDrop, dropped)];
  const base = addsAll ? CAPABILITIES : dropsAll ? [] : policy.run.capabilities;
  const kept = base.filter((name) => !dropped.includes(name));
  return [...new Set([...kept, ...added])].sort();
}

const nameOf = (assignment: string) => assignment.slice(0, assignment.indexOf('='));

const literal = (assignment: string): Variable => ({ name: nameOf(assignment), assignment });

/** Those of the options by their number: their values differ from run to run. Later ones of a name replace earlier ones. */
export function mergeVariables(given: readonly string[], own: readonly string[]): Variable[] {
  const merged = new Map<string, Variable>();
  for (const assignment of given) merged.set(nameOf(assignment), literal(assignment));
  for (const [index, assignment] of own.entries()) {
    const name = nameOf(assignment);
    merged.set(name, { name, assignment: { argument: `env.${index}` } });
  }
  return [...merged.values()];
}

/** An entry point of the command line takes the place of the image's whole command, as Podman has it. */
function processArgs(options: RunOptions, image: ImageRecord): { args: string[]; command: boolean } {
  const { entrypoint, cmd } = options.entrypoint ? { entrypoint: options.entrypoint, cmd: [] } : image.config;
  if (options.command.length > 0) return { args: entrypoint, command: true };
  const args = [...entrypoint, ...cmd];
  if (args.length > 0) return { args, command: false };
  throw new IsoError('usage.invalid', `cannot run ${image.name}`, 'no command was given and the image has none', {
    hint: 'name a command after the image',
  });
}

/** Later ones of a name win. */
function labelValues(labels: readonly Label[]): LabelValue[] {
  return [...new Map(labels.map(({ name }, index) => [name, { name, index }])).values()];
}

/** A program that container runtimes share: it reaps and passes signals on. */
function chooseInit({ init }: RunOptions, { init: found }: RunHostFacts, labelled: boolean): string | undefined {
  if (!init) return undefined;
  if (labelled) {
    const why = "the host's programs carry an SELinux label that no container may execute";
    throw new IsoError('feature.missing', 'cannot use --init', why, {
      hint: 'use an init program of the image as the command',
    });
  }
  if (found !== undefined) return found;
  throw new IsoError('feature.missing', 'cannot use --init', 'neither catatonit nor tini-static is installed', {
    hint: 'ask the administrator to run `apt-get install catatonit`',
  });
}

/** Overlay takes its directories in one text, between commas and colons. */
function checkLayers(layers: readonly string[]): string[] {
  const odd = layers.find((layer) => /[,:\\]/.test(layer));
  if (odd === undefined) return [...layers];
  throw new IsoError(
    'home.unsafe',
    `cannot mount the image from ${odd}`,
    'its path holds a comma, colon or backslash',
    {
      hint: 'ask the administrator for a home directory without these characters in its path',
    },
  );
}

const DEFAULT_SHM_SIZE = 64 * 2 ** 20;

function processSpec(
  options: RunOptions,
  policy: Policy,
  facts: SpecFacts,
  labelled: boolean,
): ContainerSpec['process'] {
  const { image, user, host } = facts;
  const base = [`PATH=${DEFAULT_PATH}`, 'container=iso', `HOME=${user.home}`, ...(options.tty ? ['TERM=xterm'] : [])];
  const init = chooseInit(options, host, labelled);
  return {
    ...processArgs(options, image),
    env: mergeVariables([...base, ...image.config.env], options.env),
    cwd: options.workdir === undefined ? image.config.workdir : { argument: 'workdir' },
    user,
    capabilities: decideCapabilities(options, policy),
    terminal: options.tty,
    stdin: options.interactive,
    ulimits: options.ulimits,
    ...(options.oomScore === undefined ? {} : { oomScore: options.oomScore }),
    ...(init === undefined ? {} : { init }),
  };
}

/** What is as the options say, whatever the host is. */
function asAsked({ stopSignal, stopTimeout, resolver, ...options }: RunOptions) {
  return {
    tmpfs: options.tmpfs,
    shmSize: options.shmSize ?? DEFAULT_SHM_SIZE,
    sysctls: options.sysctls,
    hosts: options.hosts,
    labels: labelValues(options.labels),
    remove: options.rm,
    restartable: !options.rm || options.mode === 'create',
    log: options.log,
    pidFile: options.pidFile !== undefined,
    stop: {
      ...(stopSignal === undefined ? {} : { signal: stopSignal }),
      ...(stopTimeout === undefined ? {} : { timeout: stopTimeout }),
    },
    ...(resolver === undefined ? {} : { resolver }),
    ...(options.restart === undefined ? {} : { restart: options.restart }),
  };
}

/** The specification. @throws IsoError for options that this host or policy cannot honour */
export function compileSpec(options: RunOptions, policy: Policy, facts: SpecFacts): ContainerSpec {
  const { host } = facts;
  const { cgroup } = host;
  const { limits, warnings } = decideLimits(options, policy, { ...cgroup, cpus: host.cpus, rates: facts.rates });
  const driver = chooseDriver(options, policy, facts);
  const { labelled, warning } = decideLabelled(facts.selinux, driver, policy.run, options.security);
  const network = decideNetworkOwner(options.networkOwner, policy.run);
  const more = [warning, facts.seccomp.warning, facts.lingerWarning, network.warning];
  warnings.push(...more.flatMap((one) => one ?? []));
  if (driver === 'overlay' && !labelled && (options.storageDriver ?? policy.run.storage_driver) === 'auto') {
    warnings.push(`the kernel overlay driver is used: ${host.fuseOverlayfs}`);
  }
  return {
    process: processSpec(options, policy, facts, labelled),
    ...asAsked(options),
    root: {
      layers: checkLayers(facts.layers),
      readOnly: options.readOnly,
      tmpfs: options.readOnlyTmpfs,
      driver,
    },
    volumes: facts.volumes,
    devices: facts.devices,
    packageConfig: checkPackageConfig(options.packageConfig, labelled),
    networkOwner: network.owner,
    ids: facts.ids,
    seccomp: facts.seccomp.programs,
    limits,
    controllers: cgroup.manager === undefined ? [] : cgroup.controllers,
    labelled,
    warnings,
    ...(cgroup.mount === undefined ? {} : { cgroupMount: cgroup.mount }),
  };
}
