/**
 * Programs that enter an SELinux domain of their own, such as semodule(8), modprobe(8) and what augenrules(8) starts: Node's pipes are sockets, which
 * the policy takes from them, so that what they print is lost. They get pipes of the kernel's.
 */
import { spawn } from 'node:child_process';
import { closeSync, createReadStream } from 'node:fs';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { IsoError } from '../lib/errors.js';
import { CLEAN_ENV } from './exec.js';
import { cFunction, errnoError } from './ffi.js';

const O_CLOEXEC = 0o2000000;
const MAX_REASON = 400;

function makePipe(): { read: number; write: number } {
  const pipe2 = cFunction('libc.so.6', 'int pipe2(void *fds, int flags)');
  const fds = Buffer.alloc(8);
  if (pipe2(fds, O_CLOEXEC) < 0) throw errnoError('pipe2', 'a pipe');
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

/** Runs a program and returns what it printed. @throws IsoError tool.missing, tool.failed */
export async function runWithPipes(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  const pipes = [makePipe(), makePipe()] as const;
  const child = spawn(program, args, {
    stdio: ['ignore', pipes[0].write, pipes[1].write],
    env: CLEAN_ENV,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  for (const { write } of pipes) closeSync(write);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', (error) =>
      reject(new IsoError('tool.missing', `cannot run ${program}`, error.message, { cause: error })),
    );
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  const [stdout, stderr, status] = await Promise.all([
    ...pipes.map(({ read }) => text(createReadStream('', { fd: read }))),
    ended,
  ] as [Promise<string>, Promise<string>, Promise<number>]);
  if (status === 0) return stdout;
  const why = stderr.trim().replaceAll('\n', '; ').slice(-MAX_REASON) || 'it printed no reason';
  throw new IsoError('tool.failed', `${program} exited with status ${status}`, why);
}
