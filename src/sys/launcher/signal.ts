/** Signals to containers, by the launcher: it holds the process while it makes sure whose it is (native/signal-container.h). */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { IsoError } from '../../lib/errors.js';
import { installed } from '../install.js';
import { errnoText } from './explain.js';

/** A process by pid and start time, as a container's record has them. */
export interface RecordedProcess {
  pid: number;
  startTime: string;
}

/** What became of it: `sent` without a time; `ended` within the time, `killed` after it; `gone` before anything was sent. */
export type Signalled = 'sent' | 'ended' | 'killed' | 'gone';

function startLauncher(args: readonly string[]): Promise<number> {
  const launcher = spawn(installed('iso-launch'), args, { stdio: 'ignore', env: {}, shell: false });
  return new Promise((resolve, reject) => {
    launcher.on('error', reject);
    launcher.on('close', (code, signal) =>
      signal === null ? resolve(code ?? 0) : reject(new Error(`iso-launch was ended by ${signal}`)),
    );
  });
}

/**
 * Sends a signal to pid 1 of a container; with `endMs` waits so long for its end, and then kills it.
 * @throws IsoError permission.denied for a process that is no container of this user, run.op-failed
 */
export async function signalProcess(process: RecordedProcess, signal: number, endMs?: number): Promise<Signalled> {
  const { pid, startTime } = process;
  const time = endMs === undefined ? [] : [String(endMs)];
  const status = await startLauncher(['--signal', String(pid), startTime, String(signal), ...time]);
  const { ESRCH, EPERM, ETIME } = constants.errno;
  if (status === 0) return endMs === undefined ? 'sent' : 'ended';
  if (status === ESRCH) return 'gone';
  if (status === ETIME) return 'killed';
  const what = `cannot send signal ${signal} to process ${pid}`;
  if (status !== EPERM) throw new IsoError('run.op-failed', what, errnoText(status));
  throw new IsoError('permission.denied', what, 'the container record names it, but it is no container of this user', {
    hint: 'remove the record with `iso-run rm --force`, which leaves that process alone',
  });
}
