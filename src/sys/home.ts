/**
 * The door to `iso-home`, which works inside a user's home as that user and by descriptor, so that nothing a user puts
 * there can lead root astray. The protocol is told in native/home.c.
 */
import { constants } from 'node:os';
import { IsoError } from '../lib/errors.js';
import { errnoName } from './ffi.js';
import { openHomeProgram } from './home-program.js';
import { encodeTokens, tokenReader } from './wire.js';

/** One request. Paths are relative to the home, of plain components; '' is the home itself. */
export type HomeOp =
  | { op: 'observe'; path: string }
  | { op: 'mkdir' | 'chmod'; path: string; mode: number }
  | { op: 'write'; path: string; mode: number; content: string }
  | { op: 'unlink' | 'rmdir' | 'empty'; path: string }
  /** What was written to the file system of this directory is on disk afterwards. */
  | { op: 'sync'; path: string }
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
  /** Of its file system. */
  device: number;
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

const MAX_JOB_BYTES = 4 * 2 ** 20;

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

/** Ops that were encoded before: the same questions are asked about every home. */
const encoded = new WeakMap<readonly HomeOp[], Buffer>();

function encodeOps(ops: readonly HomeOp[]): Buffer {
  const known = encoded.get(ops);
  if (known) return known;
  const bytes = encodeTokens(ops.flatMap(opTokens));
  encoded.set(ops, bytes);
  return bytes;
}

function encodeJob(user: HomeUser, ops: readonly HomeOp[]): Buffer[] {
  const groups = [user.groups.length, ...user.groups];
  return [encodeTokens(['iso-home-1', user.uid, user.gid, ...groups, user.home]), encodeOps(ops)];
}

function readOutcome(report: ReturnType<typeof tokenReader>): HomeOutcome {
  const errno = report.number();
  return {
    error: errno === 0 ? undefined : errnoName(errno),
    component: report.number(),
    type: report.text(),
    mode: report.number(),
    uid: report.number(),
    gid: report.number(),
    links: report.number(),
    size: report.number(),
    project: report.number(),
    label: report.text(),
    content: report.text(),
    device: report.number(),
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

/** What iso-home itself says about the process that was to do the work. */
const ENDS: Record<string, (detail: string) => string> = {
  signal: (detail) => `was ended by a signal (${detail})`,
  time: () => 'gave no answer in time, as on a network mount whose server is gone',
  start: (detail) => `could not start (${detail})`,
};

/** Instead of the outcomes: "fatal" with a stage and an errno, or what iso-home says of the process's end. */
function readFatal(user: HomeUser, bytes: Buffer): IsoError | undefined {
  const report = tokenReader(bytes);
  if (report.text() !== 'fatal') return undefined;
  const [stage, detail] = [report.text(), report.text()];
  return ENDS[stage] ? died(user, ENDS[stage](detail)) : toFatal(user, stage, Number(detail));
}

function decodeReport(user: HomeUser, ops: readonly HomeOp[], bytes: Buffer): HomeOutcome[] {
  const fatal = readFatal(user, bytes);
  if (fatal) throw fatal;
  const report = tokenReader(bytes);
  const outcomes = ops.map(() => readOutcome(report));
  const end = report.text();
  if (report.isBroken() || end !== 'end' || !report.isAtEnd()) throw died(user, 'did not report on every request');
  return outcomes;
}

/** Works in the homes of many users at once, each by a process of its own. */
export interface Homes {
  /**
   * Acts on a home as its user, in order. After the first change that fails no later change is tried (`ECANCELED`).
   * What root has written so is on disk for certain only after a `sync` op.
   * @throws IsoError home.missing, home.unsafe when the home itself cannot be entered; tool.missing, os.failed
   */
  act: (user: HomeUser, ops: readonly HomeOp[]) => Promise<HomeOutcome[]>;
}

/** Runs `work` with iso-home, which is started when it is first needed and ends with the work. */
export async function withHomes<T>(work: (homes: Homes) => Promise<T>): Promise<T> {
  let program: ReturnType<typeof openHomeProgram> | undefined;
  const act: Homes['act'] = async (user, ops) => {
    const job = encodeJob(user, ops);
    if (job.reduce((size, part) => size + part.length, 0) > MAX_JOB_BYTES)
      throw died(user, 'takes no job of that size');
    program ??= openHomeProgram();
    return decodeReport(user, ops, await program.send(job));
  };
  try {
    return await work({ act });
  } finally {
    await program?.close();
  }
}

/** `Homes.act` for one user, once. */
export function actInHome(user: HomeUser, ops: readonly HomeOp[]): Promise<HomeOutcome[]> {
  return withHomes((homes) => homes.act(user, ops));
}
