/**
 * Files below directories that only root can write, replaced whole: a reader or a power cut sees the old file or the new
 * one. Never for paths that another user controls: those are the business of iso-home.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import { setFileContext } from './file-context.js';

const MAX_BYTES = 64 * 2 ** 20;

/** A regular file's text and status; undefined when nothing is there. Links are not followed, FIFOs not waited for. */
export function readPlainFile(
  path: string,
  encoding: 'utf8' | 'latin1' = 'utf8',
): { text: string; stat: Stats } | undefined {
  // An error costs a trace of the stack, and of many users most have nothing there.
  if (!lstatSync(path, { throwIfNoEntry: false })) return undefined;
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    if (hasErrno(error, 'ELOOP')) {
      throw new IsoError('os.failed', `cannot read ${path}`, 'it is a symbolic link where a regular file belongs');
    }
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_BYTES) {
      throw new IsoError('os.failed', `cannot read ${path}`, 'it is not a regular file of a sensible size');
    }
    return { text: readFileSync(fd, encoding), stat };
  } finally {
    closeSync(fd);
  }
}

export interface FileMode {
  mode: number;
  uid: number;
  gid: number;
  /** Whoever writes many files syncs their file system once, and can tell afterwards what was lost: see `syncFileSystem`. */
  isUnsynced?: boolean;
}

const preparedPath = (path: string) => `${path}.iso-new`;

/** A written and synced file beside its target, waiting for `commit` (the rename) or `discard`. */
interface PreparedFile {
  commit: () => void;
  discard: () => void;
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openFresh(fresh: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    return openSync(fresh, flags, 0o600);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    // Left by a run that was killed: names with our suffix are ours, and writers hold a lock.
    unlinkSync(fresh);
    return openSync(fresh, flags, 0o600);
  }
}

/**
 * Writes and syncs the new content beside `path`. All that can fail for want of space has then been done.
 * @throws IsoError write.failed, with nothing left behind
 */
export function prepareFile(path: string, content: string | Buffer, mode: FileMode): PreparedFile {
  const fresh = preparedPath(path);
  let fd: number | undefined;
  try {
    fd = openFresh(fresh);
    writeFileSync(fd, content);
    if (process.geteuid?.() === 0) fchownSync(fd, mode.uid, mode.gid);
    fchmodSync(fd, mode.mode);
    setFileContext(fd, path);
    if (!mode.isUnsynced) fsyncSync(fd);
  } catch (error) {
    if (fd !== undefined) unlinkSync(fresh);
    const why = error instanceof Error ? error.message : String(error);
    throw new IsoError('write.failed', `cannot write ${path}`, why, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return {
    commit: () => {
      renameSync(fresh, path);
      if (!mode.isUnsynced) syncDirectory(dirname(path));
    },
    discard: () => unlinkSync(fresh),
  };
}

/** What a run that ended early has prepared beside `path`, as latin-1; undefined when there is nothing. */
export const readPrepared = (path: string): string | undefined => readPlainFile(preparedPath(path), 'latin1')?.text;

/** Puts it in place. @throws system errors */
export function commitPrepared(path: string): void {
  renameSync(preparedPath(path), path);
  syncDirectory(dirname(path));
}

/** Takes it away, if there is any. */
export const discardPrepared = (path: string): void => rmSync(preparedPath(path), { force: true });

/** Makes a directory with this mode if it is missing; what is missing above it is made 0755, whatever the umask says. */
export function makeDirectory(path: string, mode: number): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path), 0o755);
  // With its mode from the first moment: what is there is not looked at again.
  const umask = process.umask(0);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  } finally {
    process.umask(umask);
  }
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    setFileContext(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** Replaces or makes one file; missing directories above it are made 0755. @throws IsoError write.failed */
export function replaceFile(path: string, content: string | Buffer, mode: FileMode): void {
  try {
    prepareFile(path, content, mode).commit();
  } catch (error) {
    if (!hasErrno(error, 'ENOENT') && !hasErrno((error as Error).cause, 'ENOENT')) throw error;
    makeDirectory(dirname(path), 0o755);
    prepareFile(path, content, mode).commit();
  }
}

/** Keeps the present content as `path-`, as shadow does (passwd(5)); a missing file needs no copy. @throws IsoError write.failed */
export function keepBackup(path: string): void {
  const file = readPlainFile(path, 'latin1');
  if (!file) return;
  const { mode, uid, gid } = file.stat;
  prepareFile(`${path}-`, Buffer.from(file.text, 'latin1'), { mode: mode & 0o7777, uid, gid }).commit();
}
