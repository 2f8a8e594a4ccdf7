/** The door to other programs, through execa: never a shell, a clean environment, bounded output. */
import { IsoError } from '../lib/errors.js';

interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_MIB = 16;
export const CLEAN_ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

/**
 * Runs a program and collects its output (16 MiB at most) for two minutes, or `timeoutMs`. Operands that come from outside must follow `--` in `args`.
 * @throws IsoError tool.missing when it cannot be started; tool.failed when it exits with a status not in `accept`, or
 * was ended by a signal, by the time or by the bound on its output.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: {
    input?: string;
    env?: Record<string, string>;
    accept?: readonly number[];
    timeoutMs?: number;
    /** Also write its standard error to ours as it comes: the progress of a program that runs for minutes. */
    showStderr?: boolean;
    /** Ends the program. */
    signal?: AbortSignal;
  } = {},
): Promise<ExecResult> {
  const { execa } = await import('execa');
  const timeout = options.timeoutMs ?? 120_000;
  const result = await execa(program, args, {
    env: { ...CLEAN_ENV, ...options.env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT_MIB * 2 ** 20,
    timeout,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.showStderr ? { stderr: ['pipe' as const, 'inherit' as const] } : {}),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const failed = (why: string) => new IsoError('tool.failed', `${program} did not run to its end`, why);
  if (result.timedOut) throw failed(`it was ended after ${timeout / 1000} s`);
  if (result.isMaxBuffer) throw failed(`it printed more than ${MAX_OUTPUT_MIB} MiB`);
  if (result.signal !== undefined) throw failed(`it was ended by ${result.signal}`);
  if (result.exitCode === undefined) {
    throw new IsoError('tool.missing', `cannot run ${program}`, result.shortMessage ?? 'it did not start');
  }
  if (!(options.accept ?? [0]).includes(result.exitCode)) {
    const why = result.stderr.trim().split('\n').slice(-3).join('; ') || 'it printed no reason';
    throw new IsoError('tool.failed', `${program} exited with status ${result.exitCode}`, why);
  }
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}
