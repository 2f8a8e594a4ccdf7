/** The options of `iso-run run` as typed text to values; every bound is checked here. Pure. */
import { parseEnv } from './options/environment.js';
import { parseCpus, parseMemory, parsePids } from './options/limits.js';
import { parseHostname, parseName } from './options/names.js';
import { refuse } from './options/refuse.js';
import { parseVolumes, type Volume } from './options/volumes.js';

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

function parseDriver(text: string): 'auto' | StorageDriver {
  if (text === 'auto' || text === 'fuse-overlayfs' || text === 'overlay') return text;
  throw refuse(`--storage-driver ${text}`, 'it is none of auto, fuse-overlayfs, overlay');
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
