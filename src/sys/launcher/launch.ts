/** Starts the native launcher with a plan and reads its report. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { IsoError } from '../../lib/errors.js';
import { installed } from '../install.js';
import { encodePlan } from './encode.js';
import type { LaunchPlan, RunValues } from './ops.js';
import { type LaunchOutcome, outcomeOf, parseStatus } from './status.js';

export interface LaunchOptions {
  values: RunValues;
  /** `inherit`: the launcher relays the caller's streams; `pipe`: this process does. */
  streams: 'inherit' | 'pipe';
  /** Program and arguments put before the launcher, such as systemd-run for a cgroup of its own. */
  wrapper?: readonly string[];
  /** Environment of the wrapper; the launcher itself needs none. */
  wrapperEnv?: Record<string, string>;
  /** Called once, when the container's pid 1 exists, with its host pid. */
  onStart?: (pid: number) => void;
  onSpawn?: (launcher: ChildProcess) => void;
}

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGINT', 'SIGQUIT'] as const;
/** The ones that a terminal sends to its whole foreground, the launcher among it. */
const TERMINAL: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGCONT', 'SIGINT', 'SIGQUIT'];

/**
 * True when this process group is the foreground of its terminal (proc(5) stat: fields 5 and 8). The streams are not asked:
 * they may all be redirected, and Node's stream objects would make the caller's pipes non-blocking.
 */
export function isForeground(stat: string): boolean {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] !== undefined && fields[2] === fields[5];
}

/** Passes on what was sent to this process alone; returns the undo. */
function forwardSignals(launcher: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals) => {
    if (TERMINAL.includes(signal) && isForeground(readFileSync('/proc/self/stat', 'utf8'))) return;
    launcher.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/** Collects the report and announces the start. */
function readReport(stream: Readable, onStart: ((pid: number) => void) | undefined): () => Buffer {
  let bytes = Buffer.alloc(0);
  let announced = onStart === undefined;
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (announced) return;
    const records = parseStatus(bytes);
    const start = records.find((record) => record.kind === 'start');
    // Not before READY: until then the process is not yet confined as a running container is.
    if (!start || !records.some((record) => record.kind === 'ready')) return;
    announced = true;
    onStart?.(start.detail);
  });
  return () => bytes;
}

/** Runs a plan to its end. Rejects only when the launcher cannot be started at all. */
export async function launch(plan: LaunchPlan, options: LaunchOptions): Promise<LaunchOutcome> {
  const encoded = encodePlan(plan, options.values);
  const [program = '', ...args] = [...(options.wrapper ?? []), installed('iso-launch')];
  const streams = Array<'inherit' | 'pipe'>(3).fill(options.streams);
  // The first socket that Node destroys makes it open its standard error, which makes the caller's pipe non-blocking. Opened
  // here instead, that is undone: descriptors that a child inherits are set to blocking.
  void process.stderr;
  const launcher = spawn(program, args, {
    stdio: [...streams, 'pipe', 'pipe'],
    env: options.wrapperEnv ?? {},
    shell: false,
  });
  const undo = forwardSignals(launcher);
  try {
    const ended = new Promise<string>((resolve, reject) => {
      launcher.on('error', (cause) => {
        reject(new IsoError('feature.missing', `cannot start ${program}`, cause.message, { cause }));
      });
      launcher.on('close', (code, signal) => resolve(signal ?? `status ${code}`));
    });
    const report = readReport(launcher.stdio[4] as Readable, options.onStart);
    const input = launcher.stdio[3] as Writable;
    // The launcher may refuse the plan before it read all; its report says why.
    input.on('error', () => undefined);
    input.end(encoded);
    options.onSpawn?.(launcher);
    const died = await ended;
    const cleanupFrom = plan.findIndex((planned) => planned.stage === 'cleanup');
    return outcomeOf(parseStatus(report()), cleanupFrom < 0 ? plan.length : cleanupFrom, died);
  } finally {
    undo();
  }
}
