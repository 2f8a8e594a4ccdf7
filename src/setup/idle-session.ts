/** The session that iso-run leaves behind for a while: it holds the user's ids, and while nothing runs it is in nobody's use. */
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../lib/errors.js';
import { installed } from '../sys/install.js';

const WAIT_MS = 50;
const TRIES = 40;

/** The program of a process, by the kernel's word; undefined when it is gone. */
function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined;
    throw error;
  }
}

/** Name and parent from proc(5) stat: the second and fourth field. */
function readProcess(pid: number): { name: string; parent: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [start, end] = [stat.indexOf('('), stat.lastIndexOf(')')];
  return { name: stat.slice(start + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) };
}

/** What waits for a launch: the session, and the process that it has made ahead. A monitor has another name. */
function isIdle(pid: number): boolean {
  return programOf(pid) === installed('iso-session') && ['iso-session', 'iso-spare'].includes(readProcess(pid).name);
}

/** An idle session, its keeper first, when the processes with these ids are that session alone. */
export function findIdleSession(pids: readonly number[]): number[] | undefined {
  if (!pids.every(isIdle)) return undefined;
  const keepers = pids.map((pid) => readProcess(pid).parent).filter((pid) => !pids.includes(pid));
  const [keeper] = keepers;
  if (keeper === undefined || keepers.length > 1 || programOf(keeper) !== installed('iso-keeper')) return undefined;
  return [keeper, ...pids];
}

/** Ends it; a launch in the same moment then finds no session, and fails or starts another. */
export async function endIdleSession(session: readonly number[]): Promise<void> {
  const [keeper] = session;
  if (keeper !== undefined) process.kill(keeper, 'SIGTERM');
  const isThere = () => session.some((pid) => programOf(pid) !== undefined);
  for (let tries = 0; tries < TRIES && isThere(); tries += 1) await sleep(WAIT_MS);
}
