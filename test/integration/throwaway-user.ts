/** Users of this machine for the time of a test file, and programs run as them. Needs root. */
import {
  type ChildProcess,
  execFileSync,
  type SpawnOptions,
  type SpawnSyncReturns,
  spawn,
  spawnSync,
} from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePasswd } from '../../src/facts/accounts.js';
import { STORE } from '../../src/facts/container-record.js';
import { parseSubids, rangesOf } from '../../src/facts/subids.js';
import { TREE } from '../../src/setup/desired-user.js';
import { userStateFile } from '../../src/setup/state.js';
import { installDir } from '../../src/sys/install.js';

const SUBID_COUNT = 65_536;

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
  /** Of the error that `--json` prints, when there is one. */
  code: string | undefined;
}

interface InputOptions {
  input?: Buffer;
  /** Called when the program has started; its standard input stays open until it ends. */
  during?: (child: { pid: number; write(bytes: Buffer): void }) => Promise<void>;
}

export interface ThrowawayUser {
  /** Of no other user: it has the id of the test's process and a random part. */
  name: string;
  uid: number;
  gid: number;
  home: string;
  /** The toolkit's own store, in the home. */
  store: string;
  /** First subordinate id, uid and gid alike, which is id 1 in a container; NaN without any. */
  firstSubid: number;
  /** A directory that the user may write to, with a copy of the built programs in `dist`. */
  scratch: string;
  /** The copy of a built file, such as `iso-run.js`. */
  program(file: string): string;
  /** Starts a program as the user: in the home, with a clean environment. */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a program to its end, a minute at most. */
  run(argv: readonly string[], options?: { input?: string; env?: NodeJS.ProcessEnv }): SpawnSyncReturns<string>;
  /** Runs a script of sh(1) that must succeed; its output. */
  sh(script: string): string;
  /** Runs one of our commands to its end. */
  iso(command: 'iso-audit' | 'iso-run' | 'iso-setup', args: readonly string[]): SpawnSyncReturns<string>;
  /** Runs `iso-run …` while the test goes on. */
  isoRun(args: readonly string[], options?: InputOptions): Promise<Ended>;
  /** Names of everything in a part of the store. */
  stored(part: 'images' | 'layers' | 'tmp'): string[];
  /** Ends all that runs as the user and takes away all that is left of it. */
  remove(): void;
}

type Account = Pick<ThrowawayUser, 'name' | 'uid' | 'gid' | 'home'>;

const scratchOf = ({ name }: Account) => join(tmpdir(), name);

/**
 * useradd(8) hands out the range itself, under the lock of its files: one that anybody has is never given twice. The
 * bounds leave it this one range, so that both files get the same; where it is taken, another is tried.
 */
function addAccount(hasSubids: boolean): Account & { firstSubid: number } {
  const name = `isot-${process.pid}-${randomBytes(3).toString('hex')}`;
  for (let tries = 0; ; tries += 1) {
    const min = SUBID_COUNT * randomInt(1_000, 20_000);
    const keys = ['UID', 'GID'].flatMap((id) =>
      hasSubids
        ? [`SUB_${id}_COUNT=${SUBID_COUNT}`, `SUB_${id}_MIN=${min}`, `SUB_${id}_MAX=${min + SUBID_COUNT - 1}`]
        : [`SUB_${id}_COUNT=0`],
    );
    const args = ['--create-home', '--shell', '/bin/sh', ...keys.flatMap((key) => ['--key', key]), '--', name];
    const { status, stderr } = spawnSync('useradd', args, { encoding: 'utf8' });
    if (status === 0) {
      const [account] = parsePasswd(execFileSync('getent', ['passwd', name], { encoding: 'utf8' }));
      if (account === undefined) throw new Error(`useradd made no ${name}`);
      return { ...account, firstSubid: hasSubids ? min : Number.NaN };
    }
    if (tries === 9 || !stderr.includes('subordinate')) throw new Error(stderr);
  }
}

/** Processes with one of these ids, but for those that ended and were not waited for. */
function processesWith(isOurs: (uid: number) => boolean): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      const uids = /^Uid:\t(.*)$/m.exec(status)?.[1]?.split('\t').map(Number) ?? [];
      return uids.some(isOurs) && !/^State:\t[ZX]/m.test(status) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

function endProcesses(account: Account): void {
  const ranges = rangesOf(parseSubids(readFileSync('/etc/subuid', 'latin1')), account);
  const isOurs = (id: number) =>
    id === account.uid || ranges.some(({ start, count }) => id >= start && id < start + count);
  const deadline = Date.now() + 10_000;
  for (let pids = processesWith(isOurs); pids.length > 0; pids = processesWith(isOurs)) {
    if (Date.now() > deadline) throw new Error(`processes ${pids.join(' ')} of ${account.name} do not end`);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    spawnSync('sleep', ['0.02']);
  }
}

function removeAccount(account: Account): void {
  endProcesses(account);
  const state = join('/', userStateFile(account.uid));
  // A test that failed half-way left its ranges in the records of iso-setup, too.
  const setup = [join(installDir, 'iso-setup.js'), 'remove', '--purge', account.name];
  if (existsSync(state)) spawnSync(process.execPath, setup);
  const { status, stderr } = spawnSync('userdel', ['--remove', '--force', '--', account.name], { encoding: 'utf8' });
  // 12: not the whole home could be removed.
  if (status !== 0 && status !== 12) throw new Error(stderr);
  for (const path of [account.home, scratchOf(account), state]) rmSync(path, { recursive: true, force: true });
}

/** A test that was killed could not take its users away. */
function removeAbandoned(): void {
  for (const account of parsePasswd(readFileSync('/etc/passwd', 'utf8'))) {
    const maker = /^isot-(\d+)-[0-9a-f]{6}$/.exec(account.name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) removeAccount(account);
  }
}

function errorCode(stderr: string): string | undefined {
  const line = stderr.split('\n').find((text) => text.startsWith('{"error":'));
  return line === undefined ? undefined : (JSON.parse(line) as { error: { code: string } }).error.code;
}

async function toItsEnd(child: ChildProcess, { input, during }: InputOptions): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin?.on('error', () => {});
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr, code: errorCode(stderr) }));
  });
  if (during === undefined) child.stdin?.end(input);
  else await during({ pid: child.pid ?? 0, write: (bytes) => child.stdin?.write(bytes) });
  return ended;
}

/** The programs of a user in whose `scratch` they lie. */
function programsOf(account: Account, scratch: string) {
  const as = (argv: readonly string[]) => [
    ...['--reuid', String(account.uid), '--regid', String(account.gid), '--init-groups', '--'],
    ...argv,
  ];
  const surroundings = (env: NodeJS.ProcessEnv = {}) => ({
    cwd: account.home,
    env: { PATH: '/usr/bin:/bin', HOME: account.home, ...env },
  });
  const program: ThrowawayUser['program'] = (file) => join(scratch, 'dist', file);
  const start: ThrowawayUser['spawn'] = (argv, options = {}) =>
    spawn('setpriv', as(argv), { ...options, ...surroundings(options.env) });
  const run: ThrowawayUser['run'] = (argv, { input = '', env } = {}) =>
    spawnSync('setpriv', as(argv), { ...surroundings(env), input, encoding: 'utf8', timeout: 60_000 });
  return {
    program,
    spawn: start,
    run,
    sh(script: string) {
      const { status, stdout, stderr } = run(['sh', '-c', script]);
      if (status !== 0) throw new Error(`${script}: ${stderr}`);
      return stdout;
    },
    iso: (command: string, args: readonly string[]) => run([process.execPath, program(`${command}.js`), ...args]),
    isoRun: (args: readonly string[], options: InputOptions = {}) =>
      toItsEnd(start([process.execPath, program('iso-run.js'), ...args]), options),
  };
}

/** Makes a user; `provisioned: false` leaves out the subordinate ids and the container tree. */
export function makeUser({ provisioned = true } = {}): ThrowawayUser {
  removeAbandoned();
  const account = addAccount(provisioned);
  const remove = () => removeAccount(account);
  try {
    const scratch = scratchOf(account);
    mkdirSync(scratch, { mode: 0o755 });
    chownSync(scratch, account.uid, account.gid);
    // A checkout in root's home is closed to the user, and another build may replace dist while a test runs.
    cpSync(installDir, join(scratch, 'dist'), { recursive: true });
    const programs = programsOf(account, scratch);
    if (provisioned) programs.sh(`umask 077; mkdir -p ${TREE} && cd ${TREE} && mkdir storage cache tmp run`);
    const store = join(account.home, STORE);
    return { ...account, store, scratch, ...programs, stored: (part) => readdirSync(join(store, part)).sort(), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
