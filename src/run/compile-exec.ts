/** A further process of a running container: its launch plan, made of the plan that the container itself was launched by. Pure. */
import { IsoError } from '../lib/errors.js';
import type { IdMappings } from '../lib/id-mapping.js';
import { mapText } from '../lib/id-mapping.js';
import type { LaunchPlan, Op, OpName, PlannedOp, RunValues, Text } from '../sys/launcher/ops.js';
import { type Add, lifecycleEvent } from './compile-records.js';
import type { PayloadUser } from './image-user.js';
import { type JsonTemplate, jsonComposition } from './json-template.js';
import { DEFAULT_PATH } from './spec.js';

export interface ExecSpec {
  /** What the container was launched with. */
  request: { plan: readonly Omit<PlannedOp, 'origin'>[]; values: RunValues };
  process: { pid: number; startTime: string };
  ids: IdMappings;
  /** The cgroup that the payload runs in. */
  cgroup?: string;
  /** SELinux contexts of its processes and its own files. */
  labels?: { process: string; file: string };
  terminal: boolean;
  stdin: boolean;
  cwd?: string;
  user?: PayloadUser;
  /** A static program of ours in place of one of the container; it is no command of the user's. */
  program?: string;
  /** `NAME=value`, over the container's own. */
  env: readonly string[];
  spool: string;
  uid: number;
  image: string;
}

type OpOf<Name extends OpName> = Extract<Op, readonly [Name, ...unknown[]]>;

function resolve(text: Text, values: RunValues): string {
  if (typeof text === 'string') return text;
  return values.findLast(([name]) => name === text.argument)?.[1] ?? '';
}

/** Reads ops of one name in the container stage. */
function opsOf<Name extends OpName>({ request }: ExecSpec, name: Name): OpOf<Name>[] {
  return request.plan
    .filter(({ stage, op }) => stage === 'container' && op[0] === name)
    .map(({ op }) => op as OpOf<Name>);
}

/** What the container's plan must have, or the process would be less confined than its payload. */
function theOp<Name extends OpName>(spec: ExecSpec, name: Name): OpOf<Name> {
  const [op] = opsOf(spec, name);
  if (op) return op;
  throw new IsoError('plan.invalid', 'cannot join the container', `its plan has no op ${name}`, {
    hint: 'start the container again',
  });
}

const nameOf = (assignment: string) => assignment.slice(0, assignment.indexOf('='));

/** The container's environment, and over it what belongs to this process alone. */
function environment(spec: ExecSpec): string[] {
  const own = opsOf(spec, 'env').map(([, text]) => resolve(text, spec.request.values));
  const home = spec.user ? [`HOME=${spec.user.home}`] : [];
  const terminal = spec.terminal ? ['TERM=xterm'] : [];
  const all = [...own, ...home, ...terminal, ...spec.env];
  return [...new Map(all.map((assignment) => [nameOf(assignment), assignment])).values()];
}

function compileHost(spec: ExecSpec, add: Add): void {
  const { terminal, stdin, ids } = spec;
  const mode = terminal ? (stdin ? 'terminal' : 'terminal-null') : stdin ? 'pipe' : 'null';
  add('host', terminal ? '--tty' : 'standard streams', 'stdio', mode, spec.labels?.file ?? '');
  add('host', 'id mapping', 'session', '/usr/bin/newuidmap', mapText(ids.uid), '/usr/bin/newgidmap', mapText(ids.gid));
  add('session', 'namespaces', 'beside');
}

/** As for the payload, and in the same order (compile/payload.ts). */
function compileIdentity(spec: ExecSpec, add: Add): void {
  const [, mask] = theOp(spec, 'cap-bound');
  add('container', 'capabilities', 'cap-bound', mask);
  if (spec.user) {
    const held = spec.user.uid === 0 ? mask : 0n;
    add('container', '--user', 'groups', spec.user.groups.join(','));
    add('container', '--user', 'ids', spec.user.uid, spec.user.gid);
    add('container', 'capabilities', 'caps', held, held, 0n, 0n);
  } else {
    for (const name of ['groups', 'ids', 'caps'] as const)
      add('container', "the container's user", ...theOp(spec, name));
  }
}

function compileConfinement(spec: ExecSpec, add: Add): void {
  const cwd = spec.cwd ?? resolve(theOp(spec, 'chdir')[1], spec.request.values);
  add('container', '--workdir', 'chdir', cwd);
  for (const op of opsOf(spec, 'rlimit')) add('container', '--ulimit', ...op);
  add('container', 'no_new_privs', ...theOp(spec, 'no-new-privs'));
  for (const op of opsOf(spec, 'seccomp')) add('container', 'seccomp profile', ...op);
}

function compileEvent(spec: ExecSpec, add: Add): void {
  const details = {
    command: { words: [], given: true, most: 256 },
    pid: { number: 'pid' },
    user: spec.user?.uid ?? Number(theOp(spec, 'ids')[1]),
    terminal: spec.terminal,
  } as JsonTemplate;
  const message: JsonTemplate = { text: ['a command was started in container ', { value: 'name' }] };
  const event = lifecycleEvent(spec, { action: 'container.exec', outcome: 'success', message, details });
  add('started', 'audit trail', 'append-line', spec.spool, 0o600, jsonComposition(event));
}

/** @throws IsoError plan.invalid when the container's plan confines it less than this version would */
export function compileExec(spec: ExecSpec): LaunchPlan {
  const plan: PlannedOp[] = [];
  const add: Add = (stage, origin, ...op) => plan.push({ stage, op, origin });
  const owner = spec.user?.uid ?? Number(theOp(spec, 'ids')[1]);
  const env = environment(spec);
  compileHost(spec, add);
  // Born in the container's cgroup, so that its limits hold from the first moment.
  if (spec.cgroup !== undefined) add('container', 'cgroup', 'cgroup-write', spec.cgroup, 'cgroup.procs', '0');
  if (spec.program !== undefined) add('container', 'command', 'program', spec.program);
  add('container', 'namespaces', 'join', String(spec.process.pid), spec.process.startTime);
  if (spec.labels) add('container', 'SELinux', 'label', spec.labels.process);
  for (const op of opsOf(spec, 'oom-score')) add('container', '--oom-score-adj', ...op);
  if (spec.terminal) add('container', '--tty', 'terminal', owner);
  else add('container', 'standard streams', 'streams', owner);
  compileIdentity(spec, add);
  compileConfinement(spec, add);
  add('container', 'command', 'args');
  for (const assignment of env) add('container', `--env ${nameOf(assignment)}`, 'env', assignment);
  add('container', 'command', 'exec', env.find((one) => nameOf(one) === 'PATH') ?? DEFAULT_PATH);
  if (spec.program === undefined) compileEvent(spec, add);
  return plan;
}
