/** A user of this machine for the time of a test, with a container tree. Needs root. */
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parsePasswd } from '../../../src/facts/accounts.js';
import { installed } from '../../../src/sys/install.js';

export interface ThrowawayUser {
  name: string;
  uid: number;
  gid: number;
  home: string;
  /** Runs a program as the user, in the home. */
  run(program: string, args: readonly string[]): SpawnSyncReturns<string>;
  /** Runs a script of sh(1) as the user. */
  sh(script: string): string;
  /** Runs one of our programs as the user. */
  iso(program: 'iso-audit' | 'iso-run', args: readonly string[]): SpawnSyncReturns<string>;
  /** Starts a program as the user; ended with the test by `remove`. */
  start(program: string, args: readonly string[]): { pid: number; ended: Promise<void>; kill(): void };
  remove(): void;
}

const TREE =
  'umask 077; mkdir -p .config/containers .local/share/containers; cd .local/share/containers && mkdir storage cache tmp run';

export function createUser(): ThrowawayUser {
  const name = `isot-${randomBytes(4).toString('hex')}`;
  execFileSync('useradd', ['-m', '-s', '/bin/sh', '--', name]);
  const [account] = parsePasswd(execFileSync('getent', ['passwd', name], { encoding: 'utf8' }));
  if (!account) throw new Error(`${name} was not made`);
  const { uid, gid, home } = account;
  const options = { uid, gid, cwd: home, env: { PATH: process.env.PATH ?? '', HOME: home }, encoding: 'utf8' } as const;
  const started: (() => void)[] = [];
  const run: ThrowawayUser['run'] = (program, args) => spawnSync(program, args, { ...options, timeout: 60_000 });
  const user: ThrowawayUser = {
    name,
    uid,
    gid,
    home,
    run,
    sh(script) {
      const { status, stdout, stderr } = run('sh', ['-c', script]);
      if (status !== 0) throw new Error(`${script}: ${stderr}`);
      return stdout;
    },
    iso: (program, args) => run(process.execPath, [installed(`${program}.js`), ...args]),
    start(program, args) {
      const child = spawn(program, args, { ...options, stdio: 'ignore' });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const kill = () => void child.kill('SIGKILL');
      started.push(kill);
      if (child.pid === undefined) throw new Error(`${program} did not start`);
      return { pid: child.pid, ended, kill };
    },
    remove() {
      for (const kill of started) kill();
      // -f: a process that was just killed may still count as using the account.
      spawnSync('userdel', ['-r', '-f', '--', name]);
    },
  };
  user.sh(TREE);
  return user;
}

/** The tool's own store below a home. */
export function storeOf(user: ThrowawayUser): string {
  return join(user.home, '.local/share/containers/storage/iso/containers');
}
