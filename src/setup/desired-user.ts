/** What a provisioned user has: directories, files, quota. The one declaration, which iso-audit reads too. Pure. */
import { TREE } from '../facts/container-record.js';
import { formatLevel } from '../lib/selinux-context.js';
import { parseSize } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { ProjectLimits } from '../sys/quota.js';

export { TREE };

export const CONFIG = '.config/containers';

export const PRIVATE_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Directories on the way, which people have for other uses too: made private when absent, otherwise left as they are. */
export const SHARED_DIRECTORIES = ['.local', '.local/share', '.config'];

/** Directories of the toolkit: theirs alone, 0700. */
export const PRIVATE_DIRECTORIES = [
  TREE,
  ...['storage', 'cache', 'tmp', 'run'].map((name) => `${TREE}/${name}`),
  CONFIG,
];

/** The type that containers may use; what carries it is told apart by categories. */
export const CONTAINER_FILE = 'container_file_t';

/** SELinux types of the toolkit's directories; what is made in them later inherits the type. */
export const LABELS: readonly { path: string; type: string }[] = PRIVATE_DIRECTORIES.map((path) => ({
  path,
  type: path === CONFIG ? 'container_conf_t' : path === `${TREE}/run` ? 'container_var_run_t' : CONTAINER_FILE,
}));

/** The context of a file that carries a type (user, role and level as refpolicy gives them to files of a home). */
export const labelOf = (type: string, categories: readonly number[] = []): string =>
  `system_u:object_r:${type}:${formatLevel(categories)}`;

/** Parents before children. */
export const DIRECTORIES = [
  '.local',
  '.local/share',
  ...PRIVATE_DIRECTORIES.filter((path) => path !== CONFIG),
  '.config',
  CONFIG,
];

/** Files of the toolkit and the templates that they are rendered from. */
export const FILES = [
  { path: `${CONFIG}/storage.conf`, template: 'user/storage.conf.hbs' },
  { path: `${CONFIG}/containers.conf`, template: 'user/containers.conf.hbs' },
  { path: `${CONFIG}/registries.conf`, template: 'user/registries.conf.hbs' },
  { path: `${CONFIG}/policy.json`, template: 'user/policy.json.hbs' },
  { path: `${CONFIG}/seccomp.json`, template: 'user/seccomp.json' },
] as const;

/** All that is looked at in a home before anything is decided. */
export const OBSERVED = ['', ...DIRECTORIES, ...FILES.map((file) => file.path)];

/** The administrator's own rules for images, which a file in a home would otherwise silently replace (P8). */
export interface HostContainers {
  registries: string | undefined;
  policy: string | undefined;
}

/** What user templates may name that is each user's own. */
export function userTemplateValues(user: { name: string; uid: number; gid: number; home: string }): object {
  return {
    user,
    storage: `${user.home}/${TREE}/storage`,
    runroot: `${user.home}/${TREE}/run/storage`,
    tmp: `${user.home}/${TREE}/tmp`,
    seccomp: `${user.home}/${CONFIG}/seccomp.json`,
  };
}

/**
 * What they may name that is the same for all users of a host. `isLabelled`: containers have SELinux labels, which only the
 * kernel's overlayfs can show; the kernel refuses one for a FUSE file system of a user namespace.
 */
export function commonTemplateValues(policy: Policy, host: HostContainers, isLabelled: boolean): object {
  const driver = policy.run.storage_driver;
  return {
    capabilities: policy.run.capabilities.map((name) => name.replace(/^CAP_/, '')),
    pids: policy.run.pids,
    labelled: isLabelled,
    overlay: driver === 'overlay' || (driver === 'auto' && isLabelled),
    host: { registries: host.registries ?? '', policy: host.policy ?? '' },
  };
}

/**
 * Limits of the container tree. The soft one is what users see as its size; between it and the hard one lies the reserve
 * that cleaning up needs, since at the hard limit not even a removal can write its records. What was declared for one user
 * replaces what the policy says for all.
 */
export function desiredLimits(
  policy: Pick<Policy['quota'], 'size' | 'reserve' | 'inodes'>,
  declared: { size?: string; inodes?: number } = {},
): ProjectLimits {
  const size = parseSize(declared.size ?? policy.size) ?? 0;
  const reserve = parseSize(policy.reserve) ?? 0;
  const inodes = declared.inodes ?? policy.inodes;
  return {
    softBytes: size,
    hardBytes: size === 0 ? 0 : size + reserve,
    softInodes: inodes,
    hardInodes: inodes === 0 ? 0 : Math.ceil(inodes * 1.05),
  };
}
