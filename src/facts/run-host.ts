/** What a launch needs to know of the host and of the caller's place in it; read-only. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TREE } from './container-record.js';
import { readMounts } from './mounts.js';

interface CgroupFacts {
  /** Mount point of the cgroup v2 hierarchy; undefined when there is none. */
  mount?: string;
  /** Controllers that the user's systemd manager may hand on. */
  controllers: string[];
  /** Whether the kernel bounds swap. */
  swap: boolean;
  /** The manager's cgroup, relative to the mount, when a scope can be asked of it. */
  manager?: string;
  /** Why there is no cgroup of our own, when there is none. */
  reason?: string;
}

export interface RunHostFacts {
  arch: string;
  cgroup: CgroupFacts;
  /** Undefined when usable, else why not. */
  fuseOverlayfs?: string;
  /** `/run/user/UID` when systemd-logind made one. */
  runtimeDir?: string;
  cpus: number;
  /** A static program that serves as pid 1 of any container. */
  init?: string;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readCgroup(uid: number, runtimeDir: string | undefined): CgroupFacts {
  const mount = readMounts().find(({ type }) => type === 'cgroup2')?.destination;
  if (mount === undefined) return { controllers: [], swap: false, reason: 'no cgroup v2 hierarchy is mounted' };
  if (runtimeDir === undefined || !existsSync(join(runtimeDir, 'systemd/private'))) {
    return {
      mount,
      controllers: [],
      swap: false,
      reason: 'no systemd user manager runs for this user, so no cgroup is delegated',
    };
  }
  const manager = `/user.slice/user-${uid}.slice/user@${uid}.service`;
  const controllers =
    readText(join(mount, manager, 'cgroup.controllers'))
      ?.trim()
      .split(/\s+/) ?? [];
  const swap = existsSync(join(mount, manager, 'memory.swap.max'));
  return { mount, manager, swap, controllers: controllers.filter((name) => name !== '') };
}

const FUSE_OVERLAYFS = '/usr/bin/fuse-overlayfs';

function whyNoFuse(): string | undefined {
  if (!existsSync(FUSE_OVERLAYFS)) return `${FUSE_OVERLAYFS} is not installed`;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `/dev/fuse cannot be opened (${error instanceof Error && 'code' in error ? error.code : 'unknown'})`;
  }
}

/** In the order of preference; each stands alone, whatever libraries an image has. */
export const INIT_PROGRAMS = ['/usr/bin/catatonit', '/usr/bin/tini-static'];

/** Of the user's session: its sockets, and plans. */
export const sessionDirectory = (home: string, runtimeDir: string | undefined): string =>
  runtimeDir === undefined ? join(home, TREE, 'run') : join(runtimeDir, 'iso');

/** Facts for the calling user. `cpus` counts the host's processors. */
export function readRunHost(uid: number, cpus: number): RunHostFacts {
  const directory = `/run/user/${uid}`;
  const runtimeDir = existsSync(directory) ? directory : undefined;
  const fuse = whyNoFuse();
  const init = INIT_PROGRAMS.find((path) => existsSync(path));
  return {
    arch: process.arch,
    cpus,
    cgroup: readCgroup(uid, runtimeDir),
    ...(fuse === undefined ? {} : { fuseOverlayfs: fuse }),
    ...(runtimeDir === undefined ? {} : { runtimeDir }),
    ...(init === undefined ? {} : { init }),
  };
}
