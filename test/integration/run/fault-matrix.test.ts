/** Every system call that an op makes fails once: the launch reports that op with that errno, and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPS, type OpName } from '../../../src/sys/launcher/ops.js';
import { parseStatus } from '../../../src/sys/launcher/status.js';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser } from './run-user.js';

/** One that no call has by itself. */
const ERROR = 'EREMOTEIO';
const ERRNO = 121;
const upTo = (count: number, ...more: number[]) => [...Array.from({ length: count }, (_, index) => index + 1), ...more];
/** What ops do, and which of the calls fail: strace counts those of each process. */
const CALLS: readonly [call: string, numbers: readonly number[]][] = [
  ['mkdir', upTo(5)],
  ['openat', upTo(14)],
  ['rename', upTo(4)],
  ['symlinkat', upTo(5)],
  ['flock', [1]],
  ['pipe2', upTo(4)],
  ['clone', upTo(2)],
  ['unshare', upTo(2)],
  ['ioctl', upTo(2)],
  ['mount', [1]],
  ['openat2', upTo(8, 14, 24, 34, 44, 48, 54, 64)],
  ['mkdirat', upTo(3)],
  ['fsopen', upTo(3)],
  ['fsconfig', upTo(3)],
  ['fsmount', upTo(3)],
  ['open_tree', upTo(3, 9, 12, 15)],
  ['move_mount', upTo(3, 9, 12, 15)],
  ['mount_setattr', upTo(3)],
  ['fstatfs', [1]],
  ['fchdir', [1]],
  ['pivot_root', [1]],
  ['sethostname', [1]],
  ['prctl', [1, 2, 3, 20, 36, 37, 38, 39, 40, 41]],
  ['setgroups', [1]],
  ['setresgid', [1]],
  ['setresuid', [1]],
  ['capset', [1]],
  ['chdir', [1]],
  ['getcwd', [1]],
  ['prlimit64', upTo(2)],
  ['seccomp', upTo(2)],
  ['dup2', upTo(3)],
  ['fchown', upTo(2)],
];
/** A launch can do without their effect: a name, a size of a window, what the C library asks for itself. */
const HARMLESS = ['prctl', 'ioctl', 'prlimit64', 'openat', 'openat2'];

let user: RunUser;
let ops: { stage: string; name: OpName }[];

/** Length-prefixed tokens (native/wire.h). */
function tokensOf(bytes: Buffer): Buffer[] {
  const tokens: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    tokens.push(bytes.subarray(at + 4, at + 4 + length));
    at += 5 + length;
  }
  return tokens;
}

function encode(tokens: readonly Buffer[]): Buffer {
  return Buffer.concat(
    tokens.flatMap((token) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(token.length);
      return [length, token, Buffer.alloc(1)];
    }),
  );
}

function readOps(tokens: readonly Buffer[]): typeof ops {
  const list: typeof ops = [];
  for (let at = 2; list.length < Number(tokens[1]); ) {
    const name = String(tokens[at + 1]) as OpName;
    list.push({ stage: String(tokens[at]), name });
    at += 2 + OPS[name][0].replace('-', '').length;
  }
  return list;
}

/** What a real run of this shape asks of the launcher. */
async function readRequest(options: readonly string[]): Promise<Buffer> {
  const made = await user.isoRun(['create', '--rm', ...options, 'base', 'true']);
  if (made.status !== 0) throw new Error(made.stderr);
  const id = made.stdout.trim();
  const tokens = tokensOf(readFileSync(join(user.store, 'containers', id, 'launch')));
  await user.isoRun(['rm', id]);
  ops = readOps(tokens);
  // Of the values after the ops, the one that says what is to be done.
  const mode = tokens.findLastIndex((token) => String(token) === 'mode');
  return encode(tokens.with(mode + 1, Buffer.from('run')));
}

interface Tried {
  status: number | null;
  /** The call was made, and failed. */
  happened: boolean;
  report: ReturnType<typeof parseStatus>;
}

/** Runs the launcher under strace(1), as root, which lets newuidmap(1) be what it is. */
function launch(call: string, number: number): Promise<Tried> {
  const trace = join(user.scratch, 'trace');
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:error=${ERROR}:when=${number}`];
  const argv = ['-u', user.name, '-f', '-qq', '-o', trace, ...inject, '--', user.program('iso-launch'), '--direct'];
  const env = { PATH: '/usr/bin:/bin', HOME: user.home };
  const asked = openSync(join(user.scratch, 'request'), 'r');
  const child = spawn('strace', argv, { cwd: user.home, env, stdio: ['ignore', 'ignore', 'ignore', asked, 'pipe'] });
  closeSync(asked);
  const chunks: Buffer[] = [];
  child.stdio[4]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      const happened = readFileSync(trace, 'utf8').includes('(INJECTED)');
      resolve({ status, happened, report: parseStatus(Buffer.concat(chunks)) });
    });
  });
}

const left = () => ({
  containers: readdirSync(join(user.store, 'containers')),
  names: readdirSync(join(user.store, 'names')),
  processes: ['iso-outer', 'iso-monitor', 'iso-container', 'true', 'fuse-overlayfs'].flatMap((comm) =>
    pidsOf(user, comm),
  ),
  mounts: readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(user.store)),
});
const AFTER = ['started', 'cleanup', 'exited', 'failed', 'discard'];
function removeLeft(): void {
  for (const part of ['containers', 'names'])
    for (const name of readdirSync(join(user.store, part))) rmSync(join(user.store, part, name), { recursive: true });
}
const NOTHING = { containers: [], names: [], processes: [], mounts: [] };

beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

describe.each([
  ['overlay', ['--storage-driver', 'overlay', '--read-only', '-v', '/bin/busybox:/p:ro', '--ulimit', 'core=0']],
  ['fuse-overlayfs', ['--storage-driver', 'fuse-overlayfs', '--tmpfs', '/t', '-t']],
])('a launch with %s', (_, options) => {
  const failed = new Set<OpName>();
  beforeAll(async () => {
    writeFileSync(join(user.scratch, 'request'), await readRequest(options));
  });

  it.each(CALLS)('whose %s fails is reported and leaves nothing', async (call, numbers) => {
    for (const number of numbers) {
      const { status, happened, report } = await launch(call, number);
      if (!happened) break;
      const failure = report.find(({ kind }) => kind === 'fail');
      const op = ops[failure?.index ?? -1];
      if (op && failure?.errno === ERRNO) failed.add(op.name);
      // A program that it starts has told its own error, and ended with a status.
      const isTold = failure?.errno === ERRNO || (failure?.detail ?? 0) !== 0;
      const outcome = status === 0 ? HARMLESS.includes(call) : status === 125 && isTold;
      expect([call, number, outcome, report]).toEqual([call, number, true, report]);
      await until(() => left().processes.length === 0);
      // Where the failed call was one of those that take away (another process has its n-th too), it could not.
      if (report.some(({ kind, index }) => kind === 'fail' && AFTER.includes(ops[index]?.stage ?? ''))) removeLeft();
      expect([call, number, left()]).toEqual([call, number, NOTHING]);
    }
    expect(left()).toEqual(NOTHING);
  });

  it('does so for nearly every op that it has', () => {
    // Without a system call, or with one that another process or op makes first.
    const others = ['arg', 'args', 'env', 'exec', 'container', 'supervise', 'touch', 'console'];
    const before = ops.filter(({ stage }) => ['create', 'host', 'session', 'container'].includes(stage));
    const missed = new Set(
      before.map(({ name }) => name).filter((name) => !failed.has(name) && !others.includes(name)),
    );
    expect([...missed]).toEqual([]);
  });
});
