/** Options, policy and facts to the container's specification, in the words of the OCI runtime-spec. Pure. */
import type { RunHostFacts } from '../facts/run-host.js';
import type { ImageRecord } from '../image/record.js';
import { IsoError } from '../lib/errors.js';
import type { IdMappings } from '../lib/id-mapping.js';
import type { Policy } from '../policy/policy.js';
import type { Text } from '../sys/launcher/ops.js';
import { parseCapability } from './capabilities.js';
import type { PayloadUser } from './image-user.js';
import { decideLimits, type Limits } from './limits.js';
import type { RunOptions, StorageDriver } from './options.js';
import { decideLabelled, type LabelBase } from './selinux.js';
import type { BoundVolume } from './volumes.js';

/** An assignment of the environment: as it is, or the value of an option of this run. */
export interface Variable {
  name: string;
  assignment: Text;
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
  };
  root: { layers: string[]; readOnly: boolean; driver: StorageDriver };
  volumes: BoundVolume[];
  ids: IdMappings;
  seccomp: { main: Uint8Array; quiet: Uint8Array };
  limits: Limits;
  /** Controllers to hand down; empty when the container has no cgroup of its own. */
  controllers: string[];
  /** The payload and its files carry SELinux contexts of this container's own. */
  labelled: boolean;
  cgroupMount?: string;
  remove: boolean;
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
  seccomp: { main: Uint8Array; quiet: Uint8Array };
  /** Undefined where SELinux is not enabled. */
  selinux?: LabelBase | { why: string; hint: string };
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Files of kernel overlay can carry the container's own SELinux label, those of fuse-overlayfs cannot. */
function chooseDriver(options: RunOptions, policy: Policy, { host, selinux }: SpecFacts): StorageDriver {
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
  const all = (list: string[]) => list.some((name) => name.toUpperCase() === 'ALL');
  const dropped = new Set(all(options.capDrop) ? [] : options.capDrop.map(parseCapability));
  const base = all(options.capDrop) ? [] : policy.run.capabilities;
  if (all(options.capAdd)) {
    throw new IsoError('usage.invalid', 'cannot use --cap-add ALL', 'capabilities are added by name', {
      hint: 'add the ones that the program needs, for example --cap-add NET_RAW',
    });
  }
  const added = options.capAdd.map(parseCapability);
  return [...new Set([...base, ...added])].filter((name) => !dropped.has(name) || added.includes(name)).sort();
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

function processArgs(options: RunOptions, image: ImageRecord): { args: string[]; command: boolean } {
  const { entrypoint, cmd } = image.config;
  if (options.command.length > 0) return { args: entrypoint, command: true };
  const args = [...entrypoint, ...cmd];
  if (args.length > 0) return { args, command: false };
  throw new IsoError('usage.invalid', `cannot run ${image.name}`, 'no command was given and the image has none', {
    hint: 'name a command after the image',
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

/** The specification. @throws IsoError for options that this host or policy cannot honour */
export function compileSpec(options: RunOptions, policy: Policy, facts: SpecFacts): ContainerSpec {
  const { host, image, user } = facts;
  const { cgroup } = host;
  const { limits, warnings } = decideLimits(options, policy, { ...cgroup, cpus: host.cpus });
  const base = [`PATH=${DEFAULT_PATH}`, 'container=iso', `HOME=${user.home}`, ...(options.tty ? ['TERM=xterm'] : [])];
  const driver = chooseDriver(options, policy, facts);
  const { labelled, warning } = decideLabelled(facts.selinux, driver, policy.run);
  if (warning !== undefined) warnings.push(warning);
  if (driver === 'overlay' && !labelled && (options.storageDriver ?? policy.run.storage_driver) === 'auto') {
    warnings.push(`the kernel overlay driver is used: ${host.fuseOverlayfs}`);
  }
  return {
    process: {
      ...processArgs(options, image),
      env: mergeVariables([...base, ...image.config.env], options.env),
      cwd: options.workdir === undefined ? image.config.workdir : { argument: 'workdir' },
      user,
      capabilities: decideCapabilities(options, policy),
      terminal: options.tty,
      stdin: options.interactive,
    },
    root: { layers: checkLayers(facts.layers), readOnly: options.readOnly, driver },
    volumes: facts.volumes,
    ids: facts.ids,
    seccomp: facts.seccomp,
    limits,
    controllers: cgroup.manager === undefined ? [] : cgroup.controllers,
    labelled,
    remove: options.rm,
    warnings,
    ...(cgroup.mount === undefined ? {} : { cgroupMount: cgroup.mount }),
  };
}
