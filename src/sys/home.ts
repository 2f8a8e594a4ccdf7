/**
 * The door to `iso-home`, which works inside a user's home as that user and by descriptor, so that nothing a user puts
 * there can lead root astray. The protocol is told in native/home.c.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { IsoError } from '../lib/errors.js';
import { errnoName } from './ffi.js';
import { installed } from './install.js';
import { decodeTokens, encodeTokens } from './wire.js';

/** One request. Paths are relative to the home, of plain components; '' is the home itself. */
export type HomeOp =
  | { op: 'observe'; path: string }
  | { op: 'mkdir' | 'chmod'; path: string; mode: number }
  | { op: 'write'; path: string; mode: number; content: string }
  | { op: 'unlink' | 'rmdir' | 'empty'; path: string }
  | { op: 'project'; path: string; project: number }
  /** The SELinux context of a directory. */
  | { op: 'label'; path: string; context: string };

/** What stands at a path; the letter is ls(1)'s: `d`, `-`, `l`, `p`, `s`, `c`, `b`, `?` when nothing was seen. */
interface HomeEntry {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  links: number;
  /** Bytes of a file; after `empty`, the number of entries that could not be removed. */
  size: number;
  /** Quota project that new files inherit here, 0 for none. */
  project: number;
  /** SELinux context, empty where there is none. */
  label: string;
  /** Of a regular file of the user, as latin-1 text is not: UTF-8 with invalid bytes replaced. */
  content: string;
}

export interface HomeOutcome extends HomeEntry {
  /** Name of the errno, undefined when the op succeeded. */
  error: string | undefined;
  /** On an error the entry describes this component of the path: 1 is the first; 0 is the home. */
  component: number;
}

export interface HomeUser {
  name: string;
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: readonly number[];
  /** Absolute, without symbolic links. */
  home: string;
}

/** A home on a dead network mount must not hold up the host's set-up. */
const TIMEOUT_MS = 60_000;
const MAX_REPORT_BYTES = 64 * 2 ** 20;
const FIELDS = 11;

function opTokens(op: HomeOp): (string | number)[] {
  switch (op.op) {
    case 'mkdir':
    case 'chmod':
      return [op.op, op.path, op.mode];
    case 'write':
      return [op.op, op.path, op.mode, op.content];
    case 'project':
      return [op.op, op.path, op.project];
    case 'label':
      return [op.op, op.path, op.context];
    default:
      return [op.op, op.path];
  }
}

function encodeJob(user: HomeUser, ops: readonly HomeOp[]): Buffer {
  const groups = [user.groups.length, ...user.groups];
  return encodeTokens(['iso-home-1', user.uid, user.gid, ...groups, user.home, ...ops.flatMap(opTokens)]);
}

function toOutcome(fields: readonly Buffer[]): HomeOutcome {
  const number = (index: number) => Number(fields[index]?.toString() ?? 0);
  const errno = number(0);
  return {
    error: errno === 0 ? undefined : errnoName(errno),
    component: number(1),
    type: fields[2]?.toString() ?? '?',
    mode: number(3),
    uid: number(4),
    gid: number(5),
    links: number(6),
    size: number(7),
    project: number(8),
    label: fields[9]?.toString() ?? '',
    content: fields[10]?.toString() ?? '',
  };
}

const died = (user: HomeUser, why: string) =>
  new IsoError('os.failed', `cannot work in the home of ${user.name}`, `iso-home ${why}`);

function toFatal(user: HomeUser, stage: string, errno: number): IsoError {
  const name = errnoName(errno);
  if (stage !== 'home') return died(user, `failed to ${stage}: ${name}`);
  const what = `cannot enter ${user.home} as ${user.name}`;
  if (errno === constants.errno.ENOENT) return new IsoError('home.missing', what, 'it does not exist');
  const why: Record<string, string> = {
    ELOOP: 'a component of the path is a symbolic link',
    EPERM: 'it belongs to another user',
    ENOTDIR: 'it is not a directory',
    EACCES: 'permission denied: a directory above it is closed to the user',
  };
  return new IsoError('home.unsafe', what, why[name] ?? name);
}

function decodeReport(user: HomeUser, ops: readonly HomeOp[], bytes: Buffer): HomeOutcome[] {
  const tokens = decodeTokens(bytes);
  if (tokens === undefined) throw died(user, 'gave a report that is cut off');
  if (tokens[0]?.toString() === 'fatal') throw toFatal(user, String(tokens[1]), Number(String(tokens[2])));
  if (tokens.length !== ops.length * FIELDS + 1 || tokens.at(-1)?.toString() !== 'end') {
    throw died(user, 'did not report on every request');
  }
  return ops.map((_, index) => toOutcome(tokens.slice(index * FIELDS, (index + 1) * FIELDS)));
}

function collect(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_REPORT_BYTES) stream.destroy(new Error('the report is too large'));
      else chunks.push(chunk);
    });
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
  });
}

function ended(child: ChildProcess, user: HomeUser): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new IsoError('tool.missing', 'cannot run iso-home', error.message, { cause: error })),
    );
    child.on('close', (_code, signal) =>
      signal === null
        ? resolve()
        : reject(died(user, `was ended by ${signal} (after ${TIMEOUT_MS / 1000} s: no answer)`)),
    );
  });
}

/**
 * Acts on a home as its user, in order. After the first change that fails no later change is tried (`ECANCELED`).
 * @throws IsoError home.missing, home.unsafe when the home itself cannot be entered; tool.missing, os.failed
 */
export async function actInHome(user: HomeUser, ops: readonly HomeOp[]): Promise<HomeOutcome[]> {
  const child = spawn(installed('iso-home'), [], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: {},
    cwd: '/',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const request = child.stdio[3] as Writable;
  // A program that refuses early closes its end; what it says about that comes by the report.
  request.on('error', () => undefined);
  request.end(encodeJob(user, ops));
  const [bytes] = await Promise.all([collect(child.stdio[4] as Readable), ended(child, user)]);
  return decodeReport(user, ops, bytes);
}
