/** A user of this machine for the time of a test file, and the built iso-run as that user. Needs root. */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../../../dist', import.meta.url));
const SUBIDS = { start: 70_000_000, count: 65_536 };

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
  /** The error that `--json` prints, when there is one. */
  code: string | undefined;
}

export interface ThrowawayUser {
  name: string;
  uid: number;
  home: string;
  store: string;
  /** First subordinate id, which is id 1 in a container. */
  firstSubid: number;
  /** A directory that the user may write to, with a copy of the built programs in it. */
  scratch: string;
  /** Runs `iso-run …` as the user to its end; `during` gets the running program. */
  isoRun(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Names of everything in a part of the store. */
  stored(part: 'images' | 'layers' | 'tmp'): string[];
  remove(): void;
}

interface RunOptions {
  input?: Buffer;
  /** Called when the program has started; its standard input stays open until it ends. */
  during?: (child: { pid: number; write(bytes: Buffer): void }) => Promise<void>;
}

function errorCode(stderr: string): string | undefined {
  const line = stderr.split('\n').find((text) => text.startsWith('{"error":'));
  return line === undefined ? undefined : (JSON.parse(line) as { error: { code: string } }).error.code;
}

async function runAs(name: string, home: string, argv: readonly string[], options: RunOptions): Promise<Ended> {
  const child = spawn('setpriv', ['--reuid', name, '--regid', name, '--init-groups', '--', ...argv], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => {});
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr, code: errorCode(stderr) }));
  });
  if (options.during === undefined) child.stdin.end(options.input);
  else await options.during({ pid: child.pid ?? 0, write: (bytes) => child.stdin.write(bytes) });
  return ended;
}

/** Makes the user; `provisioned: false` leaves out the subordinate ids. */
export function makeUser(name: string, { provisioned = true } = {}): ThrowawayUser {
  const { start, count } = SUBIDS;
  const ids = `${start}-${start + count - 1}`;
  // A range of the system's own making would come first.
  execFileSync('useradd', ['--create-home', '--key', 'SUB_UID_COUNT=0', '--key', 'SUB_GID_COUNT=0', '--', name]);
  if (provisioned) execFileSync('usermod', ['--add-subuids', ids, '--add-subgids', ids, '--', name]);
  const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, '--', name], { encoding: 'utf8' })),
  );
  const home = join('/home', name);
  const scratch = mkdtempSync(join(tmpdir(), 'iso-image-'));
  chownSync(scratch, uid, gid);
  // A checkout in root's home is closed to the user, and another build may replace dist while a test runs.
  cpSync(DIST, join(scratch, 'dist'), { recursive: true });
  for (const path of ['.local', '.local/share', '.local/share/containers', '.local/share/containers/run']) {
    mkdirSync(join(home, path));
    chownSync(join(home, path), uid, gid);
  }
  const store = join(home, '.local/share/containers/storage/iso');
  return {
    name,
    uid,
    home,
    store,
    scratch,
    firstSubid: start,
    isoRun: (args, options = {}) =>
      runAs(name, home, [process.execPath, join(scratch, 'dist/iso-run.js'), ...args], options),
    stored: (part) => readdirSync(join(store, part)).sort(),
    remove: () => {
      execFileSync('userdel', ['--remove', '--', name], { stdio: 'ignore' });
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
