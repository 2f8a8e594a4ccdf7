/** Names of everything a rule can ask for, by what it is asked of, with the arguments it takes. Pure. */

const NONE = /^$/;
const NAMESPACES = ['user', 'pid', 'ipc', 'uts', 'mnt', 'net', 'cgroup'] as const;

const HOST_PROBES = {
  'cgroup.mode': NONE,
  'kernel.sysctl': /^[a-z0-9_]+(\.[a-z0-9_-]+)+$/,
  'mac.enforcing': NONE,
  'mapping.tool-faults': NONE,
  'subids.faults': NONE,
  'subids.shared': NONE,
  'trail.faults': NONE,
} as const;

const USER_PROBES = {
  'home.faults': NONE,
  'subids.count': /^(uid|gid)$/,
  'tree.faults': /^(directories|files)$/,
  'quota.enforced': NONE,
  'quota.hard-limit': NONE,
  'quota.percent': NONE,
  'quota.uncounted': NONE,
  'store.refused': NONE,
} as const;

const CONTAINER_PROBES = {
  'record.claim': NONE,
  'namespaces.shared': new RegExp(`^(${NAMESPACES.join('|')})$`),
  'idmap.foreign': /^(root|any)$/,
  'threads.gaining-privileges': NONE,
  'threads.unfiltered': NONE,
  'capabilities.set': /^(inheritable|permitted|effective|bounding|ambient)$/,
  'network.interfaces': NONE,
  'mounts.shared': NONE,
  'mounts.uncovered': NONE,
  'cgroup.limit': /^(memory|pids)$/,
  'label.process-faults': NONE,
  'label.root-faults': NONE,
} as const;

export type HostProbe = keyof typeof HOST_PROBES;
export type UserProbe = keyof typeof USER_PROBES;
export type ContainerProbe = keyof typeof CONTAINER_PROBES;

export const PROBES = { host: HOST_PROBES, user: USER_PROBES, container: CONTAINER_PROBES } as const;

/** How evidence is filed: one entry for a probe with its argument. */
export function probeKey(probe: string, argument = ''): string {
  return argument === '' ? probe : `${probe} ${argument}`;
}
