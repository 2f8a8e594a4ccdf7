/**
 * The locks of shadow's own tools, so that useradd(8) and we never write /etc/subuid and /etc/subgid together: first
 * /etc/.pwd.lock as lckpwdf(3) takes it, then FILE.lock by link(2), subuid before subgid. Taking a FILE.lock without the
 * first lock would make a concurrent useradd fail at once.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno, IsoError } from '../lib/errors.js';
import { readPlainFile } from './atomic-file.js';
import { cFunction, errnoError } from './ffi.js';

// lckpwdf(3) gives up after 15 s as well.
const WAIT_MS = 15_000;
const RETRY_MS = 20;

// struct flock of 64-bit Linux: type and whence (0: from the start) as short, padding, start, len (0: all), pid.
const FLOCK_BYTES = 32;
const F_SETLK = 6;
const F_WRLCK = 1;

/** Tries to lock a whole file for this process (fcntl(2)); closing any descriptor of that file gives it up again. */
function tryRecordLock(fd: number, path: string): boolean {
  const fcntl = cFunction('libc.so.6', 'int fcntl(int fd, int command, void *lock)');
  const lock = Buffer.alloc(FLOCK_BYTES);
  lock.writeInt16LE(F_WRLCK, 0);
  if (fcntl(fd, F_SETLK, lock) === 0) return true;
  const error = errnoError('fcntl', path);
  if (error.code === 'EAGAIN' || error.code === 'EACCES') return false;
  throw error;
}

/** Repeats until the attempt succeeds. @throws IsoError lock.held when the time is over, told by `why` */
async function waitFor(attempt: () => boolean, what: string, why: () => string, waitMs = WAIT_MS): Promise<void> {
  for (const end = Date.now() + waitMs; !attempt(); await sleep(RETRY_MS)) {
    if (Date.now() > end) throw new IsoError('lock.held', what, `${why()} (waited ${waitMs / 1000} s)`);
  }
}

const CANNOT = 'cannot lock the account files';

/** Runs `work` while this process holds a lock on `path`, as lckpwdf(3) does. @throws IsoError lock.held */
export async function withFileLock<T>(
  path: string,
  what: string,
  work: () => Promise<T>,
  waitMs = WAIT_MS,
): Promise<T> {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    await waitFor(
      () => tryRecordLock(fd, path),
      what,
      () => `another program holds ${path}`,
      waitMs,
    );
    return await work();
  } finally {
    closeSync(fd);
  }
}

type Holder = { state: 'free' | 'dead' } | { state: 'alive' | 'unreadable'; why: string };

/** What a process calls itself, for people; a recycled pid is told by it. */
function commandOf(pid: number): string {
  try {
    return ` (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    // It ended, or belongs to somebody whose processes are hidden.
    return '';
  }
}

/**
 * Who holds FILE.lock, by shadow's rule: a pid that is gone frees it, content that is no pid holds it for ever. A pid that
 * lives may be another process's by now, or one of another pid namespace: who can tell must remove the file.
 */
function readHolder(lock: string): Holder {
  const remove = 'remove it when no useradd or usermod is running';
  let text: string | undefined;
  try {
    text = readPlainFile(lock, 'latin1')?.text;
  } catch (error) {
    if (!(error instanceof IsoError)) throw error;
    return { state: 'unreadable', why: `${lock} is no regular file; ${remove}` };
  }
  if (text === undefined) return { state: 'free' };
  const number = text.replace(/\0.*$/s, '').trim();
  const pid = Number(number);
  if (!/^\d{1,10}$/.test(number) || pid === 0) {
    return { state: 'unreadable', why: `${lock} holds no process id; ${remove}` };
  }
  if (!isAlive(pid)) return { state: 'dead' };
  const who = `process ${pid}${commandOf(pid)} holds ${lock}`;
  return { state: 'alive', why: `${who}; remove the file when that process is no account tool` };
}

function makeOwnFile(path: string): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    writeSync(fd, `${process.pid}\0`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** One attempt at FILE.lock; the name FILE.PID is never left behind. */
function tryLinkLock(file: string): boolean {
  const own = `${file}.${process.pid}`;
  const lock = `${file}.lock`;
  makeOwnFile(own);
  try {
    linkSync(own, lock);
    return lstatSync(own).nlink === 2;
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    if (readHolder(lock).state === 'dead') unlinkSync(lock);
    return false;
  } finally {
    unlinkSync(own);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) return false;
    if (hasErrno(error, 'EPERM')) return true;
    throw error;
  }
}

/** Removes FILE.PID of processes that were killed in the middle of the protocol. Only for the holder of the lock. */
function sweepDead(file: string): void {
  const prefix = `${basename(file)}.`;
  for (const name of readdirSync(dirname(file))) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^[1-9]\d{0,9}$/.test(pid) && !isAlive(Number(pid))) unlinkSync(join(dirname(file), name));
  }
}

async function withLinkLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`;
  const why = () => {
    const holder = readHolder(lock);
    return 'why' in holder ? holder.why : `${lock} was held by one program after the other`;
  };
  await waitFor(() => tryLinkLock(file), CANNOT, why);
  try {
    sweepDead(file);
    return await work();
  } finally {
    unlinkSync(lock);
  }
}

/** Runs `work` with the right to replace `etc`/subuid and `etc`/subgid. @throws IsoError lock.held naming the holder */
export async function withSubidLocks<T>(etc: string, work: () => Promise<T>): Promise<T> {
  return withFileLock(join(etc, '.pwd.lock'), CANNOT, () =>
    withLinkLock(join(etc, 'subuid'), () => withLinkLock(join(etc, 'subgid'), work)),
  );
}
