/** Starts the native launcher with a plan and reads its report. */
import { type ChildProcess, spawn } from 'node:child_process';
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

// Terminal signals reach the launcher by itself, since it shares our process group; these come to this process alone.
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
const TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

/** Passes on what was sent to this process; returns the undo. */
function forwardSignals(launcher: ChildProcess): () => void {
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const forward = (signal: NodeJS.Signals) => {
    launcher.kill(signal);
  };
  const ignore = () => undefined;
  for (const signal of FORWARDED) process.on(signal, forward);
  for (const signal of TERMINAL) process.on(signal, hasTerminal ? ignore : forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
    for (const signal of TERMINAL) process.off(signal, hasTerminal ? ignore : forward);
  };
}

/** Collects the report and announces the start. */
function readReport(stream: Readable, onStart: ((pid: number) => void) | undefined): () => Buffer {
  let bytes = Buffer.alloc(0);
  let announced = onStart === undefined;
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (announced) return;
    const start = parseStatus(bytes).find((record) => record.kind === 'start');
    if (!start) return;
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
