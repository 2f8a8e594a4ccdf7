/** What starts and ends a user's session here: systemd, the user's manager, the keeper's unit, what a logout does. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { asIsoError, hasErrno } from '../lib/errors.js';
import { run } from '../sys/exec.js';
import { whyNoSystemd } from '../sys/systemd.js';
import { isLingering } from './linger.js';

export interface SessionHost {
  /** Why systemd is not there. */
  noSystemd?: string;
  /** A manager of systemd runs for the user. */
  manager: boolean;
  /** What that manager says of the keeper's unit: `loaded`, `not-found`, or in words why it says nothing. */
  unit?: string;
  /** The manager starts at boot and stays without a login. */
  lingering: boolean;
  /** logind ends what a login leaves behind; undefined where it does not say. */
  killsProcesses?: boolean;
  /** Pid of the keeper, when there is a session. */
  keeper?: number;
}

const TIMEOUT_MS = 5000;

async function readUnit(runtimeDir: string): Promise<string> {
  const args = ['--user', 'show', '--property=LoadState', '--value', 'iso-keeper.service'];
  try {
    const { stdout } = await run('systemctl', args, { env: { XDG_RUNTIME_DIR: runtimeDir }, timeoutMs: TIMEOUT_MS });
    return stdout.trim();
  } catch (error) {
    return asIsoError(error).why;
  }
}

async function readKillsProcesses(): Promise<boolean | undefined> {
  const login = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
  try {
    const { stdout } = await run('busctl', ['get-property', ...login, 'KillUserProcesses'], { timeoutMs: TIMEOUT_MS });
    return stdout.trim() === 'b true';
  } catch {
    return undefined;
  }
}

function findKeeper(uid: number): number | undefined {
  const isKeeper = (pid: string) => {
    try {
      return statSync(`/proc/${pid}`).uid === uid && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'iso-keeper\n';
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return false;
      throw error;
    }
  };
  const found = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && isKeeper(entry));
  return found === undefined ? undefined : Number(found);
}

export async function readSessionHost(name: string, uid: number): Promise<SessionHost> {
  const noSystemd = whyNoSystemd();
  const runtimeDir = `/run/user/${uid}`;
  const manager = existsSync(join(runtimeDir, 'systemd/private'));
  const [unit, killsProcesses] = await Promise.all([
    manager ? readUnit(runtimeDir) : undefined,
    noSystemd === undefined ? readKillsProcesses() : undefined,
  ]);
  const keeper = findKeeper(uid);
  return {
    ...(noSystemd === undefined ? {} : { noSystemd }),
    manager,
    ...(unit === undefined ? {} : { unit }),
    lingering: isLingering(name),
    ...(killsProcesses === undefined ? {} : { killsProcesses }),
    ...(keeper === undefined ? {} : { keeper }),
  };
}
