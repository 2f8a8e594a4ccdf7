/** Starts the native launcher with a plan and reads its report. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { IsoError } from '../../lib/errors.js';
import { installed } from '../install.js';
import type { LaunchPlan } from './ops.js';
import { type LaunchOutcome, outcomeOf, parseStatus } from './status.js';

export interface LaunchOptions extends LauncherOptions {
  /** The plan with the values of this run, as the launcher reads it. */
  request: Buffer;
  /** Without a session. */
  direct: boolean;
}

interface LauncherOptions {
  /** `inherit`: the launcher relays the caller's streams; `pipe`: this process does. */
  streams: 'inherit' | 'pipe';
  /** Program and arguments put before the launcher, such as systemd-run for a cgroup of its own. */
  wrapper?: readonly string[];
  /** Environment of the wrapper; the launcher itself needs none. */
  wrapperEnv?: Record<string, string>;
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

function collect(stream: Readable): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

/** What a report says of a plan. `died`: how the launcher ended, for one that says nothing. */
export function readOutcome(plan: LaunchPlan, report: Buffer, died: string): LaunchOutcome {
  const afterwards = plan.findIndex(({ stage }) => !['create', 'host', 'session', 'container'].includes(stage));
  return outcomeOf(parseStatus(report), afterwards < 0 ? plan.length : afterwards, died);
}

/** Runs the launcher to its end: its report, and how it ended. Rejects only when it cannot be started at all. */
export async function runLauncher(
  words: readonly string[],
  request: Buffer,
  options: LauncherOptions,
): Promise<{ report: Buffer; died: string }> {
  const [program = '', ...args] = [...(options.wrapper ?? []), installed('iso-launch'), ...words];
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
    const report = collect(launcher.stdio[4] as Readable);
    const input = launcher.stdio[3] as Writable;
    // The launcher may refuse the plan before it read all; its report says why.
    input.on('error', () => undefined);
    input.end(request);
    options.onSpawn?.(launcher);
    const died = await ended;
    return { report: report(), died };
  } finally {
    undo();
  }
}

/** Runs a plan to its end, or until it goes on by itself. */
export async function launch(plan: LaunchPlan, options: LaunchOptions): Promise<LaunchOutcome> {
  const { report, died } = await runLauncher(options.direct ? ['--direct'] : [], options.request, options);
  return readOutcome(plan, report, died);
}
