/** Host programs on hostile input: as root of a new user namespace in a file system that holds only /usr and given binds. */
import type { ChildProcess } from 'node:child_process';
import { pipeline, type Readable } from 'node:stream';
import { childMapping, type IdMappings, mapText } from '../../lib/id-mapping.js';
import { encodePlan, encodeRequest } from './encode.js';
import { explainFailure } from './explain.js';
import { launch } from './launch.js';
import type { LaunchPlan, Op, PlannedOp, Stage } from './ops.js';

export interface ConfinedRequest {
  /** Everything the user may map; id 0 inside is the user. */
  ids: IdMappings;
  /** Absolute program path below /usr, and arguments. */
  argv: readonly string[];
  binds: readonly { source: string; target: string; writable: boolean }[];
  stdin?: Readable;
  /** Compiled filters: denials by `main` are logged, those by `quiet`, loaded after it, are not. */
  seccomp?: { main: Uint8Array; quiet: Uint8Array };
  /** Kills the program and all that it started; the status is then 137. */
  signal?: AbortSignal;
}

export interface ConfinedResult {
  status: number;
  stdout: string;
  stderr: string;
}

// What tar and its decompressors need over files of any owner, and nothing that reaches beyond the namespace.
// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP: capability(7) numbers 0, 1, 3, 4, 31.
const CAPABILITIES = (1n << 0n) | (1n << 1n) | (1n << 3n) | (1n << 4n) | (1n << 31n);
const SECCOMP_FILTER_FLAG_LOG = 2;
// Every Debian has it, and nothing below it is needed inside.
const ROOT_MOUNT_POINT = '/sys';

/** The plan of a confined run. Pure. */
export function confinedPlan(request: ConfinedRequest): LaunchPlan {
  const plan: PlannedOp[] = [];
  const add = (stage: Stage, ...op: Op) => plan.push({ stage, op, origin: `confined ${request.argv[0]}` });
  add('host', 'stdio', request.stdin ? 'pipe' : 'null', '');
  add(
    'host',
    'session',
    '/usr/bin/newuidmap',
    mapText(request.ids.uid),
    '/usr/bin/newgidmap',
    mapText(request.ids.gid),
  );
  add('session', 'propagation', 'private');
  add('session', 'namespace', 'network');
  add('session', 'container', mapText(childMapping(request.ids.uid)), mapText(childMapping(request.ids.gid)));
  add('container', 'propagation', 'private');
  add('container', 'tmpfs-root', ROOT_MOUNT_POINT);
  for (const path of ['/usr', '/dev']) add('container', 'mkdir', path, 0o755);
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) add('container', 'symlink', `usr/${name}`, `/${name}`);
  add('container', 'bind', '/usr', '/usr', 'ro,nosuid,nodev', 'directory', '');
  add('container', 'device', '/dev/null', '/dev/null', 1, 3);
  for (const { source, target, writable } of request.binds) {
    add('container', 'mkdir', target, 0o755);
    const attributes = writable ? 'nosuid,nodev,noexec' : 'ro,nosuid,nodev,noexec';
    add('container', 'bind', source, target, attributes, 'directory', '');
  }
  add('container', 'readonly', '/');
  add('container', 'pivot', 0);
  add('container', 'cap-bound', CAPABILITIES);
  add('container', 'groups', '0');
  add('container', 'ids', 0, 0);
  add('container', 'caps', CAPABILITIES, CAPABILITIES, 0n, 0n);
  add('container', 'no-new-privs');
  if (request.seccomp) {
    add('container', 'seccomp', SECCOMP_FILTER_FLAG_LOG, request.seccomp.main);
    add('container', 'seccomp', 0, request.seccomp.quiet);
  }
  for (const value of request.argv) add('container', 'arg', value);
  for (const value of ['PATH=/usr/bin:/bin', 'LC_ALL=C.UTF-8']) add('container', 'env', value);
  add('container', 'exec', '/usr/bin:/bin');
  return plan;
}

/** 128 and SIGKILL. */
const KILLED = 137;
const MAX_OUTPUT_BYTES = 4 * 2 ** 20;

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8');
}

/** Kills the launcher when the request is aborted; all that it started goes with it. */
function killOnAbort(signal: AbortSignal | undefined): { started(launcher: ChildProcess): void; ended(): void } {
  let running: ChildProcess | undefined;
  const kill = () => running?.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  return {
    started: (launcher) => {
      running = launcher;
      if (signal?.aborted) kill();
    },
    ended: () => signal?.removeEventListener('abort', kill),
  };
}

/** Runs a program confined; its output is collected (4 MiB at most). @throws IsoError when it could not be started */
export async function runConfined(request: ConfinedRequest): Promise<ConfinedResult> {
  const plan = confinedPlan(request);
  let output: [() => string, () => string] = [() => '', () => ''];
  const abortion = killOnAbort(request.signal);
  const outcome = await launch(plan, {
    request: encodeRequest(encodePlan(plan), []),
    streams: 'pipe',
    direct: true,
    onSpawn: (launcher) => {
      abortion.started(launcher);
      const { stdin, stdout, stderr } = launcher;
      if (!stdin || !stdout || !stderr) throw new Error('the launcher has no pipes');
      output = [collect(stdout), collect(stderr)];
      // Either end may stop early: a program that ends before it read all has a status that says what that means, and one
      // whose input breaks off sees the end of its input.
      if (request.stdin) pipeline(request.stdin, stdin, () => undefined);
      else stdin.end();
    },
  }).finally(abortion.ended);
  if (request.signal?.aborted) return { status: KILLED, stdout: output[0](), stderr: output[1]() };
  if (outcome.kind === 'detached') throw new Error('the launcher left a program that it was to wait for');
  if (outcome.kind !== 'exited') throw explainFailure(plan, outcome);
  return { status: outcome.code, stdout: output[0](), stderr: output[1]() };
}
