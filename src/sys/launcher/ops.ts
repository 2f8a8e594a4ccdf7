/**
 * The vocabulary of launch plans: every op with its arguments and the stages it may stand in. The launcher's own table
 * (`iso-launch --ops`) is the same; a test compares the two.
 */

export const STAGES = [
  'create',
  'host',
  'session',
  'container',
  'started',
  'cleanup',
  'exited',
  'failed',
  'discard',
] as const;
/**
 * create: a new container, which is left out when one is launched again; host: the caller's namespaces; session: the monitor, root of a user namespace with all the user's ids; container: pid 1 of
 * the container. Then the monitor again: started, beside the payload; cleanup, in every case; exited after a payload that
 * ran, failed when none did, and then discard where the container was new.
 */
export type Stage = (typeof STAGES)[number];

/** A value that differs from run to run and is no part of a plan's digest: a path of the container, its host name. */
export interface RunArgument {
  argument: ValueName;
}

/** Given with each run. */
type GivenValue = 'id' | 'name' | 'short-id' | 'hostname' | 'workdir' | 'store' | 'plan' | 'pid-file';
type NumberedValue =
  | `env.${number}`
  | `label.${number}`
  | `volume.${number}`
  | `volume-id.${number}`
  | `volume-home.${number}`;
/** Made by the launcher (native/values.c). */
type MadeValue =
  | 'directory'
  | 'upper'
  | 'work'
  | 'merged'
  | 'hosts'
  | 'hostname-file'
  | 'resolver-file'
  | 'state-file'
  | 'record-file'
  | 'launch-file'
  | 'log-file'
  | 'scope'
  | 'monitor'
  | 'cgroup'
  | 'payload'
  | 'storage'
  | 'pid'
  | 'start-time'
  | 'started-at'
  | 'exit-code'
  | 'oom-killed'
  | 'pids-refused'
  | 'restarts'
  | 'outcome'
  | 'now'
  /** SELinux contexts of the payload, of its files, and of files that all containers of the user share. */
  | 'process-label'
  | 'file-label'
  | 'shared-label'
  | 'label-index';
export type ValueName = GivenValue | NumberedValue | MadeValue;

/** A value in a composition, escaped as JSON; `most` bytes of it at most. `list`: all the command's words. */
export type Part = string | { value: ValueName; most?: number } | { list: 'json' | 'words'; most?: number };
/** A small text that the launcher puts together (native/compose.h). */
export interface Composition {
  parts: readonly Part[];
}
export type Text = string | RunArgument;

/** The arguments of each op. Paths of the host are absolute; those of the container are resolved beneath its root. */
export interface OpArguments {
  /** One launch of a container at a time. */
  hold: [directory: Text];
  /** The plan and the values of this run, for the next launch and for what joins. */
  'keep-launch': [path: Text];
  /** The log and the socket of a container that lives without its caller; without a path there is no log. */
  supervise: [directory: Text, log: Text, maxSize: number, maxFiles: number];
  /** always | on-failure: another payload follows one that ended, or one that failed, `most` times (0 for no bound). */
  restart: [policy: string, most: number];
  /** A name in a directory of links, for one container at a time. */
  claim: [directory: string, name: Text, id: Text];
  /** A free pair of categories, and the contexts with it. */
  'label-pair': [directory: string, processType: string, fileType: string, low: string, high: string];
  'make-directory': [path: Text, mode: number];
  'write-file': [path: Text, mode: number, content: Composition];
  'append-line': [path: string, mode: number, content: Composition];
  release: [directory: string, name: Text];
  'cgroup-make': [directory: Text];
  'cgroup-write': [directory: Text, file: string, value: string];
  'cgroup-remove': [scope: Text];
  /**
   * null | pipe | terminal | terminal-null: what the payload's standard input is; output is always relayed or supervised. Here and
   * below an empty context leaves SELinux labels to the policy.
   */
  stdio: [mode: string, context: Text];
  session: [newuidmap: string, uidMap: string, newgidmap: string, gidMap: string];
  namespace: [name: 'network' | 'cgroup'];
  propagation: [kind: 'private'];
  loopback: [];
  /** Path below /proc/sys, of a setting that belongs to the namespaces of the stage: the network's, or the container's. */
  sysctl: [path: string, value: string];
  overlay: [lower: string, upper: Text, work: Text, target: Text, options: string, context: Text];
  'fuse-overlayfs': [program: string, lower: string, upper: Text, work: Text, target: Text, options: string];
  root: [path: Text];
  'tmpfs-root': [path: Text];
  mount: [type: string, target: string, attributes: string, data: string, context: Text];
  container: [uidMap: string, gidMap: string];
  /** The payload is a further process of a container that runs. */
  beside: [];
  join: [pid: string, startTime: string];
  /** A static program of the host that is executed in place of the container's. */
  program: [path: string];
  unmount: [path: Text];
  remove: [path: Text];
  hostname: [name: Text];
  mkdir: [path: string, mode: number];
  touch: [path: string, mode: number];
  symlink: [target: string, path: string];
  bind: [source: Text, target: string, attributes: string, kind: 'directory' | 'file', identity: Text];
  /** An empty directory of the host takes owner, mode and content of what it is to cover. */
  adopt: [source: Text, target: string];
  device: [source: string, target: string, major: number, minor: number];
  mask: [path: string];
  readonly: [path: string];
  terminal: [owner: number];
  /** The terminal is the container's /dev/console. */
  console: [];
  /** Of what joins a container; `pivot` does the same for its pid 1. */
  streams: [owner: number];
  pivot: [streamOwner: number];
  rlimit: [resource: number, soft: number | bigint, hard: number | bigint];
  /** Of this process, which becomes the payload. */
  'oom-score': [adjustment: string];
  'cap-bound': [set: bigint];
  groups: [gids: string];
  ids: [uid: number, gid: number];
  caps: [effective: bigint, permitted: bigint, inheritable: bigint, ambient: bigint];
  chdir: [path: Text];
  /** SELinux context of what is executed next; after /proc was mounted. */
  label: [context: Text];
  'label-file': [path: string, context: Text];
  /** Of a host path and all of the user's own below it. */
  relabel: [path: Text, context: Text];
  'no-new-privs': [];
  seccomp: [flags: number, program: Uint8Array];
  arg: [value: string];
  /** The words of the command that this run was given. */
  args: [];
  env: [assignment: Text];
  exec: [searchPath: Text];
}

export type OpName = keyof OpArguments;
export type Op = { [Name in OpName]: readonly [name: Name, ...args: OpArguments[Name]] }[OpName];

/** t text, n number, b bytes, c composition; `-` marks an op without arguments, as the launcher prints it. */
export const OPS: { [Name in OpName]: readonly [args: string, ...stages: Stage[]] } = {
  hold: ['t', 'host'],
  'keep-launch': ['t', 'create'],
  supervise: ['ttnn', 'host'],
  restart: ['tn', 'host'],
  claim: ['ttt', 'create'],
  'label-pair': ['ttttt', 'create', 'host'],
  'make-directory': ['tn', 'create'],
  'write-file': ['tnc', 'create', 'host', 'started', 'exited', 'failed'],
  'append-line': ['tnc', 'create', 'host', 'started', 'exited', 'failed'],
  release: ['tt', 'exited', 'discard'],
  'cgroup-make': ['t', 'host'],
  'cgroup-write': ['ttt', 'host', 'session', 'container'],
  'cgroup-remove': ['t', 'exited', 'failed'],
  stdio: ['tt', 'host'],
  session: ['tttt', 'host'],
  namespace: ['t', 'session', 'container'],
  propagation: ['t', 'session', 'container'],
  loopback: ['-', 'session', 'container'],
  sysctl: ['tt', 'session', 'container'],
  overlay: ['tttttt', 'session'],
  'fuse-overlayfs': ['tttttt', 'session'],
  root: ['t', 'session', 'container'],
  'tmpfs-root': ['t', 'container'],
  mount: ['ttttt', 'session', 'container'],
  container: ['tt', 'session'],
  beside: ['-', 'session'],
  join: ['tt', 'container'],
  program: ['t', 'container'],
  unmount: ['t', 'cleanup'],
  remove: ['t', 'exited', 'discard'],
  hostname: ['t', 'container'],
  mkdir: ['tn', 'session', 'container'],
  touch: ['tn', 'container'],
  symlink: ['tt', 'container'],
  bind: ['ttttt', 'container'],
  adopt: ['tt', 'container'],
  device: ['ttnn', 'container'],
  mask: ['t', 'container'],
  readonly: ['t', 'container'],
  terminal: ['n', 'container'],
  console: ['-', 'container'],
  streams: ['n', 'container'],
  pivot: ['n', 'container'],
  rlimit: ['nnn', 'container'],
  'oom-score': ['t', 'container'],
  'cap-bound': ['n', 'container'],
  groups: ['t', 'container'],
  ids: ['nn', 'container'],
  caps: ['nnnn', 'container'],
  chdir: ['t', 'container'],
  label: ['t', 'container'],
  'label-file': ['tt', 'container'],
  relabel: ['tt', 'host'],
  'no-new-privs': ['-', 'container'],
  seccomp: ['nb', 'container'],
  arg: ['t', 'container'],
  args: ['-', 'container'],
  env: ['t', 'container'],
  exec: ['t', 'container'],
};

/** One op of a plan and the option or rule that led to it, which an error names. */
export interface PlannedOp {
  stage: Stage;
  op: Op;
  origin: string;
}

/** Ops in the order of their stages. */
export type LaunchPlan = readonly PlannedOp[];

/** Values of a run by name, in order; `command` repeats for each word. */
export type RunValues = readonly (readonly [name: string, text: string])[];
