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

/** The keeper of an idle session, when the processes with these ids are that session alone. A monitor has another name. */
export function findIdleKeeper(pids: readonly number[]): number | undefined {
  const [pid, ...others] = pids;
  if (pid === undefined || others.length > 0 || programOf(pid) !== installed('iso-session')) return undefined;
  const { name, parent } = readProcess(pid);
  return name === 'iso-session' && programOf(parent) === installed('iso-keeper') ? parent : undefined;
}

/** Ends it; a launch in the same moment then finds no session, and fails or starts another. */
export async function endIdleSession(keeper: number): Promise<void> {
  process.kill(keeper, 'SIGTERM');
  for (let tries = 0; tries < TRIES && programOf(keeper) !== undefined; tries += 1) await sleep(WAIT_MS);
}
