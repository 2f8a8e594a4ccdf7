/**
 * The vocabulary of launch plans: every op with its arguments and the stages it may stand in. The launcher's own table
 * (`iso-launch --ops`) is the same; a test compares the two.
 */

export const STAGES = ['host', 'session', 'container', 'cleanup'] as const;
/**
 * host: the caller's namespaces; session: root of a user namespace with all the user's ids; container: pid 1 of the
 * container; cleanup: the session again, after the container ended or a stage failed.
 */
export type Stage = (typeof STAGES)[number];

/** A value that differs from run to run and is no part of a plan's digest: a path of the container, its host name. */
export interface RunArgument {
  argument:
    | 'directory'
    | 'upper'
    | 'work'
    | 'merged'
    | 'hostname'
    | 'hosts'
    | 'hostname-file'
    | 'scope'
    | 'monitor'
    | 'cgroup'
    | 'payload'
    | 'storage'
    /** SELinux contexts of the payload, of its files, and of files that all containers of the user share. */
    | 'process-label'
    | 'file-label'
    | 'shared-label';
}
export type Text = string | RunArgument;

/** The arguments of each op. Paths of the host are absolute; those of the container are resolved beneath its root. */
export interface OpArguments {
  'cgroup-make': [directory: Text];
  'cgroup-write': [directory: Text, file: string, value: string];
  /**
   * null | pipe | terminal | terminal-null: what the payload's standard input is; output is always relayed. Here and
   * below an empty context leaves SELinux labels to the policy.
   */
  stdio: [mode: string, context: Text];
  session: [newuidmap: string, uidMap: string, newgidmap: string, gidMap: string];
  namespace: [name: 'network' | 'cgroup'];
  propagation: [kind: 'private'];
  loopback: [];
  /** Path below /proc/sys, of a setting that belongs to the container's namespaces. */
  sysctl: [path: string, value: string];
  overlay: [lower: string, upper: Text, work: Text, target: Text, options: string, context: Text];
  'fuse-overlayfs': [program: string, lower: string, upper: Text, work: Text, target: Text, options: string];
  root: [path: Text];
  'tmpfs-root': [path: Text];
  mount: [type: string, target: string, attributes: string, data: string, context: Text];
  container: [uidMap: string, gidMap: string];
  unmount: [path: Text];
  remove: [path: Text];
  hostname: [name: Text];
  mkdir: [path: string, mode: number];
  touch: [path: string, mode: number];
  symlink: [target: string, path: string];
  bind: [source: Text, target: string, attributes: string, kind: 'directory' | 'file'];
  device: [source: string, target: string, major: number, minor: number];
  mask: [path: string];
  readonly: [path: string];
  terminal: [owner: number];
  pivot: [streamOwner: number];
  rlimit: [resource: number, soft: number | bigint, hard: number | bigint];
  'cap-bound': [set: bigint];
  groups: [gids: string];
  ids: [uid: number, gid: number];
  caps: [effective: bigint, permitted: bigint, inheritable: bigint, ambient: bigint];
  chdir: [path: string];
  /** SELinux context of what is executed next; after /proc was mounted. */
  label: [context: Text];
  'label-file': [path: string, context: Text];
  /** Of a host path and all of the user's own below it. */
  relabel: [path: string, context: Text];
  'no-new-privs': [];
  seccomp: [flags: number, program: Uint8Array];
  arg: [value: string];
  env: [assignment: string];
  exec: [searchPath: string];
}

export type OpName = keyof OpArguments;
export type Op = { [Name in OpName]: readonly [name: Name, ...args: OpArguments[Name]] }[OpName];

/** t text, n number, b bytes; `-` marks an op without arguments, as the launcher prints it. */
export const OPS: { [Name in OpName]: readonly [args: string, ...stages: Stage[]] } = {
  'cgroup-make': ['t', 'host'],
  'cgroup-write': ['ttt', 'host', 'session', 'container'],
  stdio: ['tt', 'host'],
  session: ['tttt', 'host'],
  namespace: ['t', 'session', 'container'],
  propagation: ['t', 'session', 'container'],
  loopback: ['-', 'session'],
  sysctl: ['tt', 'container'],
  overlay: ['tttttt', 'session'],
  'fuse-overlayfs': ['tttttt', 'session'],
  root: ['t', 'session', 'container'],
  'tmpfs-root': ['t', 'container'],
  mount: ['ttttt', 'session', 'container'],
  container: ['tt', 'session'],
  unmount: ['t', 'cleanup'],
  remove: ['t', 'cleanup'],
  hostname: ['t', 'container'],
  mkdir: ['tn', 'session', 'container'],
  touch: ['tn', 'container'],
  symlink: ['tt', 'container'],
  bind: ['tttt', 'container'],
  device: ['ttnn', 'container'],
  mask: ['t', 'container'],
  readonly: ['t', 'container'],
  terminal: ['n', 'container'],
  pivot: ['n', 'container'],
  rlimit: ['nnn', 'container'],
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

/** Values of a plan's run arguments. */
export type RunValues = { [Name in RunArgument['argument']]?: string };
