/** The options of `iso-run run` as typed text to values; every bound is checked here. Pure. */
import { posix } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { parseSize } from '../lib/units.js';

/** As commander hands them over. */
export interface RunFlags {
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
  capAdd?: string[];
  capDrop?: string[];
  storageDriver?: string;
  direct?: boolean;
}

export interface Volume {
  /** Its number on the command line. */
  index: number;
  source: string;
  destination: string;
  readOnly: boolean;
  /** `z`: for all containers of the user, `Z`: for this one alone. */
  relabel?: 'shared' | 'private';
  /** The option as it was given, for errors. */
  origin: string;
}

export interface RunOptions {
  image: string;
  command: string[];
  rm: boolean;
  interactive: boolean;
  tty: boolean;
  volumes: Volume[];
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
  capAdd: string[];
  capDrop: string[];
  storageDriver?: 'auto' | StorageDriver;
  /** Without a session. */
  direct: boolean;
}

export type StorageDriver = 'fuse-overlayfs' | 'overlay';

const refuse = (option: string, why: string) => new IsoError('usage.invalid', `cannot use ${option}`, why);

const VOLUME_WORDS = ['ro', 'rw', 'nosuid', 'nodev', 'z', 'Z'];

/** A volume there would stand in for devices, masks and what programs believe of the kernel. */
const OWN_FILE_SYSTEMS = ['/proc', '/sys', '/dev'];

const isBelow = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);

/** As in Podman and Docker. */
function relabelling(options: readonly string[]): Pick<Volume, 'relabel'> {
  if (options.includes('Z')) return { relabel: 'private' };
  return options.includes('z') ? { relabel: 'shared' } : {};
}

/** `SOURCE:DESTINATION[:ro]`; a relative source counts from the caller's directory, as Podman reads it. */
export function parseVolume(text: string, caller: { readonly cwd: string }, index = 0): Volume {
  const origin = `-v ${text}`;
  const [source = '', destination = '', words = '', ...more] = text.split(':');
  if (source === '' || destination === '' || more.length > 0)
    throw refuse(origin, 'it is not SOURCE:DESTINATION[:OPTIONS]');
  if (!/^[./~]/.test(source) && !source.includes('/'))
    throw refuse(origin, 'a source must be a path; named volumes do not exist yet');
  if (!destination.startsWith('/')) throw refuse(origin, 'the destination must be an absolute path');
  const target = posix.normalize(destination);
  if (target === '/' || target.split('/').includes('..')) throw refuse(origin, 'the destination must lie below /');
  if (OWN_FILE_SYSTEMS.some((path) => isBelow(target, path)) && !isBelow(target, '/dev/shm'))
    throw refuse(origin, 'the destination lies in a file system that the container has of its own');
  const options = words === '' ? [] : words.split(',');
  const unknown = options.find((word) => !VOLUME_WORDS.includes(word));
  if (unknown !== undefined) throw refuse(origin, `the volume option '${unknown}' is unknown`);
  return {
    index,
    source: source.startsWith('/') ? posix.normalize(source) : posix.resolve(caller.cwd, source),
    destination: target.replace(/\/$/, ''),
    readOnly: options.includes('ro'),
    ...relabelling(options),
    origin,
  };
}

/** `NAME=value`, or `NAME` for the caller's own value; undefined when the caller has none. */
export function parseEnv(text: string, callers: Record<string, string | undefined>): string | undefined {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!/^[^\s=\0]+$/.test(name)) throw refuse(`-e ${text}`, 'it is not NAME=VALUE');
  if (at >= 0) return text;
  const value = callers[name];
  return value === undefined ? undefined : `${name}=${value}`;
}

const MIN_MEMORY = 4 * 2 ** 20;

/** Bytes of `--memory`; 4 MiB at least, since less cannot hold a process and its page tables. */
export function parseMemory(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw refuse(`--memory ${text}`, 'it is not a size such as 512m or 2g');
  if (bytes < MIN_MEMORY) throw refuse(`--memory ${text}`, 'it is less than 4m, which cannot hold a process');
  return bytes;
}

export function parseCpus(text: string): number {
  const cpus = /^\d{1,4}(\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(cpus >= 0.01)) throw refuse(`--cpus ${text}`, 'it is not a number of processors from 0.01 up');
  return cpus;
}

export function parsePids(text: string): number {
  const pids = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(pids >= 1 && pids <= 4194304)) throw refuse(`--pids-limit ${text}`, 'it is not a number from 1 to 4194304');
  return pids;
}

export function parseName(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(text)) return text;
  throw refuse(`--name ${text}`, 'a name has letters, digits, _ . and -, and begins with a letter or digit');
}

export function parseHostname(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(text)) return text;
  throw refuse(`--hostname ${text}`, 'a host name has up to 64 letters, digits, dots and hyphens');
}

function parseDriver(text: string): 'auto' | StorageDriver {
  if (text === 'auto' || text === 'fuse-overlayfs' || text === 'overlay') return text;
  throw refuse(`--storage-driver ${text}`, 'it is none of auto, fuse-overlayfs, overlay');
}

const depth = ({ destination }: Volume) => destination.split('/').length;

/** Outer destinations first, whatever the order of the options: a later outer one would cover an inner one. */
function parseVolumes(texts: readonly string[], caller: { readonly cwd: string }): Volume[] {
  const volumes = texts.map((text, index) => parseVolume(text, caller, index));
  const seen = new Set<string>();
  for (const { destination, origin } of volumes) {
    if (seen.has(destination)) throw refuse(origin, `another volume has the destination ${destination}`);
    seen.add(destination);
  }
  return volumes.sort((a, b) => depth(a) - depth(b));
}

const MAX_ITEMS = 1000;

/** All of a command line. `caller` is what it depends on beside itself. @throws IsoError usage.invalid */
export function parseRunOptions(
  image: string,
  command: string[],
  flags: RunFlags,
  caller: { readonly cwd: string; env: Record<string, string | undefined> },
): RunOptions {
  if ((flags.volume ?? []).length > MAX_ITEMS || (flags.env ?? []).length > MAX_ITEMS) {
    throw refuse('these options', `at most ${MAX_ITEMS} volumes and variables`);
  }
  return {
    image,
    command,
    rm: flags.rm ?? false,
    interactive: flags.interactive ?? false,
    tty: flags.tty ?? false,
    readOnly: flags.readOnly ?? false,
    direct: flags.direct ?? false,
    volumes: parseVolumes(flags.volume ?? [], caller),
    env: (flags.env ?? []).flatMap((text) => parseEnv(text, caller.env) ?? []),
    capAdd: flags.capAdd ?? [],
    capDrop: flags.capDrop ?? [],
    ...(flags.workdir === undefined ? {} : { workdir: flags.workdir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.name === undefined ? {} : { name: parseName(flags.name) }),
    ...(flags.hostname === undefined ? {} : { hostname: parseHostname(flags.hostname) }),
    ...(flags.memory === undefined ? {} : { memory: parseMemory(flags.memory) }),
    ...(flags.cpus === undefined ? {} : { cpus: parseCpus(flags.cpus) }),
    ...(flags.pidsLimit === undefined ? {} : { pids: parsePids(flags.pidsLimit) }),
    ...(flags.storageDriver === undefined ? {} : { storageDriver: parseDriver(flags.storageDriver) }),
  };
}
