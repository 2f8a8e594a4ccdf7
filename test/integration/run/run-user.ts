/** A provisioned throw-away user with a base image and the probe, for tests that look at containers from inside. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { chownSync, cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodePlan, encodeRequest } from '../../../src/sys/launcher/encode.js';
import type { LaunchPlan, RunValues } from '../../../src/sys/launcher/ops.js';
import { type LaunchOutcome, outcomeOf, parseStatus } from '../../../src/sys/launcher/status.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';

const PROBE = fileURLToPath(new URL('../../../native/build/probe', import.meta.url));

export interface Report {
  pid: number;
  sid: number;
  uid: number;
  gid: number;
  groups: number[];
  tty: number[];
  status: string;
  uidMap: string;
  gidMap: string;
  mountinfo: string;
  network: string;
  cgroup: string;
  hosts: string;
  namespaces: Record<string, string>;
  descriptors: Record<string, string>;
  dev: Record<string, string>;
  interfaces: Record<string, string>;
  env: string[];
  argv: string[];
  hostname: string;
  cwd: string;
}

export interface RunUser extends ThrowawayUser {
  /** Runs the probe in a new container of the base image and parses what it prints. */
  probe(options?: readonly string[], args?: readonly string[]): Promise<Report>;
  attempts(options?: readonly string[]): Promise<Record<string, number>>;
  /** Starts iso-run without waiting for its end. */
  start(args: readonly string[], stdio?: 'pipe' | 'ignore'): ChildProcess;
  /** Launches a raw plan as the user; `during` gets the launcher. */
  launch(plan: LaunchPlan, during?: (launcher: ChildProcess) => void, values?: RunValues): Promise<LaunchOutcome>;
}

function launchAs(
  user: ThrowawayUser,
  plan: LaunchPlan,
  during: ((launcher: ChildProcess) => void) | undefined,
  values: RunValues,
): Promise<LaunchOutcome> {
  const launcher = user.spawn([user.program('iso-launch'), '--direct'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  launcher.stdio[4]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const input = launcher.stdio[3] as NodeJS.WritableStream;
  input.on('error', () => undefined);
  input.end(encodeRequest(encodePlan(plan), values));
  during?.(launcher);
  const cleanupFrom = plan.findIndex(({ stage }) => stage === 'cleanup');
  return new Promise((resolve) => {
    launcher.on('close', (code) => {
      const records = parseStatus(Buffer.concat(chunks));
      resolve(outcomeOf(records, cleanupFrom < 0 ? plan.length : cleanupFrom, `status ${code}`));
    });
  });
}

/** Makes the user, the image `base` and the probe's directory. */
export async function makeRunUser(): Promise<RunUser> {
  const user = makeUser();
  const probeDir = join(user.scratch, 'probe');
  cpSync(PROBE, join(probeDir, 'probe'));
  const { status, stderr } = await user.isoRun(['image', 'bootstrap', 'base']);
  if (status !== 0) {
    user.remove();
    throw new Error(stderr);
  }
  const inside = async (args: readonly string[], options: readonly string[]) => {
    const volume = ['-v', `${probeDir}:/probe:ro`];
    const ran = await user.isoRun(['run', '--rm', ...volume, ...options, 'base', '/probe/probe', ...args]);
    if (ran.status !== 0) throw new Error(`status ${ran.status}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  };
  return {
    ...user,
    probe: (options = [], args = []) => inside(['report', ...args], options),
    attempts: (options = []) => inside(['attempts'], options),
    start: (args, stdio = 'pipe') => user.spawn([process.execPath, user.program('iso-run.js'), ...args], { stdio }),
    launch: (plan, during, values = []) => launchAs(user, plan, during, values),
  };
}

/** Host pids of the user's processes whose name (proc(5) comm) is this; not of zombies, which pid 1 may leave lying. */
export function pidsOf(user: ThrowawayUser, comm: string): number[] {
  try {
    return execFileSync('pgrep', ['-u', String(user.uid), '-r', 'R,S,D,T', '-x', comm], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

/** Sends a signal to the first process of the user that has this name; there must be one: 0 would be the test itself. */
export function signalOne(user: ThrowawayUser, comm: string, signal: NodeJS.Signals): void {
  const [pid] = pidsOf(user, comm);
  if (pid === undefined) throw new Error(`no process of ${user.name} is called ${comm}`);
  process.kill(pid, signal);
}

/** Gives a file or directory to the user. */
export function giveTo(user: ThrowawayUser, path: string): void {
  chownSync(path, user.uid, user.uid);
}

/**
 * The native front as this user's `iso-run`; its path. What changed a moment ago could change again unseen, so no plan is kept
 * until the clock has gone on.
 */
export async function makeFront(user: RunUser): Promise<string> {
  const front = join(user.scratch, 'dist', 'iso-run');
  symlinkSync('iso-front', front);
  await sleep(2100);
  return front;
}
