/**
 * Files whose path another user controls, read by descriptor: no component may be a symbolic link, leave the starting
 * directory or be a magic link, and nothing is opened for reading before its type, owner and link count are known.
 * openat2(2), path_resolution(7).
 */
import { closeSync, constants, fstatSync, opendirSync, openSync, readSync, type Stats } from 'node:fs';
import { hasErrno, IsoError } from '../lib/errors.js';
import { cFunction, errnoError } from './ffi.js';

// <linux/openat2.h>; Node's constants leave out what is not portable.
const SYS_OPENAT2 = 437;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** The kernel asks for a retry when a rename raced with the walk; a user who renames for ever gets a refusal. */
const ATTEMPTS = 64;

type RefusalReason =
  | 'missing'
  | 'symlink'
  | 'mount'
  | 'escape'
  | 'kind'
  | 'owner'
  | 'links'
  | 'size'
  | 'busy'
  | 'denied'
  | 'failed';

interface Refusal {
  ok: false;
  reason: RefusalReason;
  /** One line for people; the path is not part of it. */
  why: string;
}

interface SafeFile {
  ok: true;
  text: string;
  stat: Stats;
}

export interface SafeOptions {
  /** The uid that must own the file or directory. */
  owner: number;
  /** Follow into other mounts below the directory. A user can mount FUSE, which answers when it likes, so not by default. */
  crossMounts?: boolean;
}

function refuse(reason: RefusalReason, why: string): Refusal {
  return { ok: false, reason, why };
}

function openat2(dirFd: number, path: string, flags: number, resolve: number): number {
  const syscall = cFunction(
    'libc.so.6',
    'long syscall(long number, long dirfd, const char *path, const void *how, size_t size)',
  );
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  for (let attempt = 0; ; attempt += 1) {
    const fd = Number(syscall(SYS_OPENAT2, dirFd, path, how, how.length));
    if (fd >= 0) return fd;
    const error = errnoError('openat2', path);
    if (error.code === 'ENOSYS') {
      throw new IsoError(
        'feature.missing',
        'cannot open files beneath a directory',
        'this kernel has no openat2 (5.6)',
      );
    }
    if (!(error.code === 'EAGAIN' || error.code === 'EINTR') || attempt >= ATTEMPTS) throw error;
  }
}

const WHY: Partial<Record<string, [RefusalReason, string]>> = {
  ENOENT: ['missing', 'it does not exist'],
  ENOTDIR: ['kind', 'a component of the path is not a directory'],
  ELOOP: ['symlink', 'a component of the path is a symbolic link'],
  EAGAIN: ['busy', 'the path changed with every attempt to open it'],
  EACCES: ['denied', 'permission denied'],
  EPERM: ['denied', 'operation not permitted'],
};

function toRefusal(error: unknown): Refusal {
  if (!(error instanceof Error) || !('syscall' in error)) throw error;
  const { code, message } = error as NodeJS.ErrnoException;
  const [reason, why] = WHY[code ?? ''] ?? ['failed', message];
  return refuse(reason, why);
}

/** Opens `path` beneath `dirFd` with O_PATH: the object is named, nothing of it is opened. @throws system errors */
function openPath(dirFd: number, path: string, crossMounts: boolean): number {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return openat2(dirFd, path, O_PATH | constants.O_NOFOLLOW, crossMounts ? resolve : resolve | RESOLVE_NO_XDEV);
}

/** O_PATH descriptor of `path` or why it was refused. EXDEV stands for both an escape and a mount, so it is told apart here. */
function tryOpenPath(dirFd: number, path: string, options: SafeOptions): number | Refusal {
  if (path.split('/').includes('..') || path.startsWith('/')) {
    return refuse('escape', 'the path leaves the directory it starts from');
  }
  try {
    return openPath(dirFd, path, options.crossMounts ?? false);
  } catch (error) {
    if (hasErrno(error, 'EXDEV')) return refuse('mount', 'another file system is mounted on a component of the path');
    return toRefusal(error);
  }
}

/** Descriptors in /proc/self/fd are ours, so following them leads nowhere else (proc(5)). */
function ownDescriptor(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * What an O_PATH descriptor names; when that cannot be told, it is closed. A user may mount FUSE even on the own home, and
 * such a mount says nothing to root: that is this user's refusal, and no error of a command that is about others too.
 */
function statOpened(fd: number): Stats | Refusal {
  try {
    return fstatSync(fd);
  } catch (error) {
    closeSync(fd);
    return toRefusal(error);
  }
}

function checkFile(stat: Stats, owner: number, maxBytes: number): Refusal | undefined {
  if (stat.isSymbolicLink()) return refuse('symlink', 'it is a symbolic link');
  if (!stat.isFile()) return refuse('kind', 'it is not a regular file');
  if (stat.uid !== owner) return refuse('owner', `it belongs to uid ${stat.uid}, not to uid ${owner}`);
  if (stat.nlink !== 1) return refuse('links', `it has ${stat.nlink} hard links`);
  if (stat.size > maxBytes) return refuse('size', `it has ${stat.size} bytes, more than the ${maxBytes} allowed`);
  return undefined;
}

/**
 * A read-only descriptor of a regular file of `owner` with one link; the caller closes it. Type and owner are checked
 * before the open, so a FIFO, socket or device is never touched; a lease held by the owner gives `busy`, not a wait.
 */
export function openSafeFile(
  dirFd: number,
  path: string,
  options: SafeOptions & { maxBytes?: number },
): { ok: true; fd: number; stat: Stats } | Refusal {
  const named = tryOpenPath(dirFd, path, options);
  if (typeof named !== 'number') return named;
  try {
    const stat = fstatSync(named);
    const refusal = checkFile(stat, options.owner, options.maxBytes ?? Number.MAX_SAFE_INTEGER);
    if (refusal) return refusal;
    const fd = openSync(ownDescriptor(named), constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC);
    return { ok: true, fd, stat };
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return refuse('busy', 'its owner holds a lease on it (fcntl(2), F_SETLEASE)');
    return toRefusal(error);
  } finally {
    closeSync(named);
  }
}

/** A whole small file as text (UTF-8, invalid bytes replaced), or why it was refused. It may not grow past `maxBytes`. */
export function readSafeFile(
  dirFd: number,
  path: string,
  options: SafeOptions & { maxBytes: number },
): SafeFile | Refusal {
  const opened = openSafeFile(dirFd, path, options);
  if (!opened.ok) return opened;
  try {
    // Files of /proc say 0; one byte more than expected tells a file that grew.
    const expected = Math.min(options.maxBytes, Math.max(opened.stat.size, 4096));
    const buffer = Buffer.alloc(expected + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(opened.fd, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (length > expected) return refuse('busy', `it grew past ${expected} bytes while it was read`);
    return { ok: true, text: buffer.toString('utf8', 0, length), stat: opened.stat };
  } catch (error) {
    return toRefusal(error);
  } finally {
    closeSync(opened.fd);
  }
}

/** What `path` is, without opening or following it, or why it could not be told. The owner is not judged. */
export function statSafe(
  dirFd: number,
  path: string,
  options: Omit<SafeOptions, 'owner'> = {},
): { ok: true; stat: Stats } | Refusal {
  const named = tryOpenPath(dirFd, path, { owner: 0, ...options });
  if (typeof named !== 'number') return named;
  try {
    return { ok: true, stat: fstatSync(named) };
  } catch (error) {
    return toRefusal(error);
  } finally {
    closeSync(named);
  }
}

/** Descriptor (O_PATH) of a directory of `owner` beneath `dirFd`; the caller closes it. */
export function openSafeDirectory(
  dirFd: number,
  path: string,
  options: SafeOptions,
): { ok: true; fd: number } | Refusal {
  const fd = tryOpenPath(dirFd, path, options);
  if (typeof fd !== 'number') return fd;
  const stat = statOpened(fd);
  if ('ok' in stat) return stat;
  const refusal = stat.isSymbolicLink()
    ? refuse('symlink', 'it is a symbolic link')
    : !stat.isDirectory()
      ? refuse('kind', 'it is not a directory')
      : stat.uid !== options.owner
        ? refuse('owner', `it belongs to uid ${stat.uid}, not to uid ${options.owner}`)
        : undefined;
  if (refusal) closeSync(fd);
  return refusal ?? { ok: true, fd };
}

/** Names in a directory of `owner` beneath `dirFd`, sorted; more than `maxEntries` are refused. */
export function listSafeDirectory(
  dirFd: number,
  path: string,
  options: SafeOptions & { maxEntries: number },
): { ok: true; names: string[] } | Refusal {
  const opened = openSafeDirectory(dirFd, path, options);
  if (!opened.ok) return opened;
  try {
    const directory = opendirSync(ownDescriptor(opened.fd));
    try {
      const names: string[] = [];
      for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
        if (names.length >= options.maxEntries) return refuse('size', `it has more than ${options.maxEntries} entries`);
        names.push(entry.name);
      }
      return { ok: true, names: names.sort() };
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    return toRefusal(error);
  } finally {
    closeSync(opened.fd);
  }
}

/**
 * Opens a user's home (O_PATH), which the account database names, for use as the starting directory; the caller closes
 * it. It must be a directory of that user which nobody else may write to.
 */
export function openHome(home: string, uid: number): { ok: true; fd: number } | Refusal {
  let fd: number;
  try {
    fd = openSync(home, O_PATH | constants.O_DIRECTORY | O_CLOEXEC);
  } catch (error) {
    return toRefusal(error);
  }
  const stat = statOpened(fd);
  if ('ok' in stat) return stat;
  const refusal =
    stat.uid !== uid
      ? refuse('owner', `${home} belongs to uid ${stat.uid}, not to uid ${uid}`)
      : (stat.mode & 0o022) !== 0
        ? refuse('denied', `${home} is writable by others`)
        : undefined;
  if (refusal) closeSync(fd);
  return refusal ?? { ok: true, fd };
}
