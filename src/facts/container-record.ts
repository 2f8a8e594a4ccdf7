/** What a container leaves on disk, below `storage/iso/containers/ID/` in its user's tree: the shapes and their reader. */

/** The container tree, below a user's home. */
export const TREE = '.local/share/containers';
/** The toolkit's own store in it, beside Podman's. */
export const STORE = `${TREE}/storage/iso`;

/** `container.json`: written once, before the launch. */
export interface ContainerRecord {
  schema: 1;
  /** 64 hexadecimal digits; people use the first 12. */
  id: string;
  name: string;
  image: string;
  command: string[];
  /** RFC 3339. */
  created: string;
  /** `sha256:…` of the launch plan. */
  plan: string;
  storageDriver: 'fuse-overlayfs' | 'overlay';
  readOnly: boolean;
  /** SELinux context of its processes; absent when it has none of its own. */
  label?: string;
  /** Limits in force, as cgroup files hold them; a limit that could not be applied is absent. */
  limits: {
    memory?: number;
    cpus?: number;
    pids?: number;
    /** -1 for no bound. */
    swap?: number;
    memoryReservation?: number;
    cpuShares?: number;
    cpusetCpus?: string;
    cpusetMems?: string;
    blkioWeight?: number;
  };
  /** Of the user's own. */
  labels?: Record<string, string>;
  /** Names of the volumes that it has. */
  volumes?: string[];
  /** How it is to be stopped, where the run said so: a name of signal(7), and seconds until it is killed. */
  stopSignal?: string;
  stopTimeout?: number;
  /** What follows when its payload ends: always, unless-stopped, on-failure[:NUMBER]. */
  restart?: string;
}

/** `state.json`: replaced at each change. */
export interface ContainerState {
  status: 'created' | 'running' | 'exited';
  /** Host pid of the container's pid 1 and its start time (field 22 of /proc/PID/stat), which together name a process. */
  pid?: number;
  startTime?: string;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  /** The kernel killed processes of it because its memory limit was reached. */
  oomKilled?: boolean;
  /** How often its payload was started again since it was launched. */
  restarts?: number;
}

/** True while the process that the state names still exists. `stat` is the text of /proc/PID/stat, undefined when gone. */
export function isSameProcess(state: ContainerState, stat: string | undefined): boolean {
  return stat !== undefined && state.startTime !== undefined && parseStartTime(stat) === state.startTime;
}

/** Field 22 of proc(5) stat; the command name in field 2 may hold spaces and parentheses. */
export function parseStartTime(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
