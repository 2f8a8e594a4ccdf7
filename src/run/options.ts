/** The options of `iso-run run` as typed text to values; every bound is checked here. Pure. */
import { type Device, parseDevices } from './options/devices.js';
import { parseEntrypoint } from './options/entrypoint.js';
import { parseEnv, parseEnvFile } from './options/environment.js';
import { type Label, parseLabel, parseLabelFile } from './options/labels.js';
import {
  checkSwappiness,
  parseBlkioWeight,
  parseCpuShares,
  parseCpus,
  parseCpuset,
  parseMemory,
  parseMemorySwap,
  parseMems,
  parseOomScore,
  parsePids,
  parseReservation,
  parseThrottles,
  type Throttle,
  type ThrottleFlags,
} from './options/limits.js';
import { type LogOptions, parseLog } from './options/log.js';
import { type Mounts, parseMounts } from './options/mount.js';
import { parseHostname, parseName, parsePath, parseReplace, parseWorkdir } from './options/names.js';
import { type NetworkOwner, parseNetworkOwner } from './options/network-owner.js';
import { checkNetwork, checkPlatform, checkPull, checkUserns, parseReadOnlyTmpfs } from './options/offers.js';
import { parsePackageConfig } from './options/package-config.js';
import { refuse } from './options/refuse.js';
import { type HostAddress, parseHost, parseResolver, type Resolver } from './options/resolver.js';
import { parseRestart, type Restart } from './options/restart.js';
import { parseSecret, type Secret } from './options/secrets.js';
import { checkPrivileged, parseSecurity, type Security } from './options/security.js';
import { parseStopSignal, parseStopTimeout } from './options/stopping.js';
import { parseSysctls, type Sysctl } from './options/sysctls.js';
import type { ZoneFlags } from './options/timezone.js';
import { parseShmSize } from './options/tmpfs.js';
import { parseUlimits, type Ulimit } from './options/ulimits.js';

/** As commander hands them over. */
export interface RunFlags extends ThrottleFlags, ZoneFlags {
  rm?: boolean;
  interactive?: boolean;
  tty?: boolean;
  volume?: string[];
  env?: string[];
  workdir?: string;
  user?: string;
  name?: string;
  hostname?: string;
  readOnly?: boolean;
  memory?: string;
  cpus?: string;
  pidsLimit?: string;
  cpuShares?: string;
  cpusetCpus?: string;
  cpusetMems?: string;
  memoryReservation?: string;
  memorySwap?: string;
  memorySwappiness?: string;
  oomScoreAdj?: string;
  blkioWeight?: string;
  capAdd?: string[];
  capDrop?: string[];
  storageDriver?: string;
  direct?: boolean;
  entrypoint?: string;
  envFile?: string[];
  label?: string[];
  labelFile?: string[];
  init?: boolean;
  stopSignal?: string;
  stopTimeout?: string;
  shmSize?: string;
  tmpfs?: string[];
  mount?: string[];
  ulimit?: string[];
  addHost?: string[];
  dns?: string[];
  dnsSearch?: string[];
  dnsOption?: string[];
  groupAdd?: string[];
  sysctl?: string[];
  readOnlyTmpfs?: string;
  quiet?: boolean;
  network?: string;
  pull?: string;
  platform?: string;
  securityOpt?: string[];
  privileged?: boolean;
  device?: string[];
  userns?: string;
  packageConfig?: string[];
  networkOwner?: string;
  secret?: string[];
  detach?: boolean;
  cidfile?: string;
  pidfile?: string;
  logDriver?: string;
  logOpt?: string[];
  replace?: boolean;
  restart?: string;
}

/** What a command line depends on beside itself. */
export interface Caller {
  readonly cwd: string;
  readonly env: Record<string, string | undefined>;
  /** The processor, by Node's name. */
  readonly arch: string;
  /** The text of a small file. */
  readText(path: string): string;
}

export interface RunOptions extends Mounts {
  image: string;
  command: string[];
  /** In place of the image's, and of its command. */
  entrypoint?: string[];
  rm: boolean;
  interactive: boolean;
  tty: boolean;
  /** A program that reaps what the payload leaves behind is pid 1. */
  init: boolean;
  /** `NAME=value`, later ones win. */
  env: string[];
  workdir?: string;
  user?: string;
  name?: string;
  hostname?: string;
  readOnly: boolean;
  /** Bytes. */
  memory?: number;
  /** Processors, 0.01 at least. */
  cpus?: number;
  pids?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  /** Bytes. */
  memoryReservation?: number;
  /** Bytes of memory and swap together; Infinity for no bound. */
  memorySwap?: number;
  oomScore?: number;
  blkioWeight?: number;
  throttles: Throttle[];
  capAdd: string[];
  capDrop: string[];
  storageDriver?: 'auto' | StorageDriver;
  /** Without a session. */
  direct: boolean;
  /** Without warnings on a terminal. */
  quiet: boolean;
  /** Later ones win. */
  labels: Label[];
  /** A name of signal(7). */
  stopSignal?: string;
  /** Seconds. */
  stopTimeout?: number;
  /** Bytes of /dev/shm; 0 for no bound. */
  shmSize?: number;
  ulimits: Ulimit[];
  hosts: HostAddress[];
  resolver?: Resolver;
  /** Names or numbers of the image's groups. */
  groups: string[];
  sysctls: Sysctl[];
  security: Security;
  networkOwner?: NetworkOwner;
  devices: Device[];
  secrets: Secret[];
  /** Directories of the host that are bound read-only under the same name. */
  packageConfig: string[];
  /** With `readOnly`: file systems in memory where programs expect to write. */
  readOnlyTmpfs: boolean;
  /** detached: it lives without its caller; create: it is launched later. */
  mode: 'run' | 'detached' | 'create';
  /** What follows when the payload ends; nothing without. */
  restart?: Restart;
  /** A container of this name gives way. */
  replace: boolean;
  log: LogOptions;
  /** Absolute paths. */
  cidFile?: string;
  pidFile?: string;
}

export type StorageDriver = 'fuse-overlayfs' | 'overlay';

function parseDriver(text: string): 'auto' | StorageDriver {
  if (text === 'auto' || text === 'fuse-overlayfs' || text === 'overlay') return text;
  throw refuse(`--storage-driver ${text}`, 'it is none of auto, fuse-overlayfs, overlay');
}

const MAX_ITEMS = 1000;

/** An option that was given, as a member of the options. */
const given = <Key extends string, Value>(key: Key, text: string | undefined, parse: (text: string) => Value) =>
  text === undefined ? {} : ({ [key]: parse(text) } as { [Name in Key]: Value });

function checkCounts(flags: RunFlags): void {
  for (const [name, value] of Object.entries(flags)) {
    if (Array.isArray(value) && value.length > MAX_ITEMS)
      throw refuse('these options', `${name} is given ${value.length} times, and ${MAX_ITEMS} are the most`);
  }
}

function parsePayload(flags: RunFlags, { env, readText }: Caller) {
  return {
    // Those of the command line win over those of files, whatever the order.
    env: [
      ...(flags.envFile ?? []).flatMap((path) => parseEnvFile(path, readText(path), env)),
      ...(flags.env ?? []).flatMap((text) => parseEnv(text, env) ?? []),
    ],
    labels: [
      ...(flags.labelFile ?? []).flatMap((path) => parseLabelFile(path, readText(path))),
      ...(flags.label ?? []).map(parseLabel),
    ],
    ulimits: parseUlimits(flags.ulimit ?? []),
    sysctls: parseSysctls(flags.sysctl ?? []),
    devices: parseDevices(flags.device ?? []),
    secrets: (flags.secret ?? []).map(parseSecret),
    packageConfig: parsePackageConfig(flags.packageConfig ?? []),
    hosts: (flags.addHost ?? []).map(parseHost),
    groups: flags.groupAdd ?? [],
    security: parseSecurity(flags.securityOpt ?? [], readText),
    capAdd: flags.capAdd ?? [],
    capDrop: flags.capDrop ?? [],
  };
}

export function parseLimits(flags: RunFlags) {
  checkSwappiness(flags.memorySwappiness);
  // Only below a session does the file in /proc belong to the container's root.
  if (flags.oomScoreAdj !== undefined && flags.direct)
    throw refuse('--oom-score-adj with --direct', 'a direct launch may not write it');
  return {
    ...given('memory', flags.memory, parseMemory),
    ...given('memorySwap', flags.memorySwap, parseMemorySwap),
    ...given('memoryReservation', flags.memoryReservation, parseReservation),
    ...given('cpus', flags.cpus, parseCpus),
    ...given('cpuShares', flags.cpuShares, parseCpuShares),
    ...given('cpusetCpus', flags.cpusetCpus, parseCpuset),
    ...given('cpusetMems', flags.cpusetMems, parseMems),
    ...given('pids', flags.pidsLimit, parsePids),
    ...given('blkioWeight', flags.blkioWeight, parseBlkioWeight),
    ...given('oomScore', flags.oomScoreAdj, parseOomScore),
    throttles: parseThrottles(flags),
  };
}

/** All of a command line. @throws IsoError usage.invalid */
export function parseRunOptions(image: string, command: string[], flags: RunFlags, caller: Caller): RunOptions {
  checkCounts(flags);
  checkNetwork(flags.network);
  checkPull(flags.pull);
  checkPlatform(flags.platform, caller.arch);
  checkPrivileged(flags.privileged);
  checkUserns(flags.userns);
  const resolver = parseResolver(flags);
  return {
    image,
    command,
    rm: flags.rm ?? false,
    interactive: flags.interactive ?? false,
    tty: flags.tty ?? false,
    init: flags.init ?? false,
    readOnly: flags.readOnly ?? false,
    readOnlyTmpfs: parseReadOnlyTmpfs(flags.readOnlyTmpfs),
    direct: flags.direct ?? false,
    quiet: flags.quiet ?? false,
    mode: flags.detach ? 'detached' : 'run',
    replace: parseReplace(flags),
    ...parseRestart(flags),
    log: parseLog(flags.logDriver, flags.logOpt ?? []),
    ...parseMounts(flags, caller),
    ...parsePayload(flags, caller),
    ...given('entrypoint', flags.entrypoint, parseEntrypoint),
    ...given('workdir', flags.workdir, parseWorkdir),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...given('name', flags.name, parseName),
    ...given('hostname', flags.hostname, parseHostname),
    ...given('networkOwner', flags.networkOwner, parseNetworkOwner),
    ...parseLimits(flags),
    ...given('cidFile', flags.cidfile, (text) => parsePath(text, caller)),
    ...given('pidFile', flags.pidfile, (text) => parsePath(text, caller)),
    ...given('storageDriver', flags.storageDriver, parseDriver),
    ...given('stopSignal', flags.stopSignal, parseStopSignal),
    ...given('stopTimeout', flags.stopTimeout, parseStopTimeout),
    ...given('shmSize', flags.shmSize, parseShmSize),
    ...(resolver === undefined ? {} : { resolver }),
  };
}
