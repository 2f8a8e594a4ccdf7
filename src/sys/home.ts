/**
 * The door to `iso-home`, which works inside a user's home as that user and by descriptor, so that nothing a user puts
 * there can lead root astray. The protocol is told in native/home.c.
 */
import { errnoName } from './ffi.js';
import { died, readFatal, shownHome, unsafeWay } from './home-fatal.js';
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
  /** The root directory of the system that the user is of; no link, and no slash at its end but for `/`. */
  root: string;
  /** Below it, as this process sees it: before the home was entered as the account says, then without links. */
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
  return [encodeTokens(['iso-home-2', user.uid, user.gid, ...groups, user.root, shownHome(user)]), encodeOps(ops)];
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

function decodeReport(user: HomeUser, ops: readonly HomeOp[], bytes: Buffer): EnteredHome {
  const fatal = readFatal(user, bytes);
  if (fatal) throw fatal;
  const report = tokenReader(bytes);
  const way = report.text();
  const outcomes = ops.map(() => readOutcome(report));
  const end = report.text();
  if (report.isBroken() || end !== 'end' || !report.isAtEnd()) throw died(user, 'did not report on every request');
  return { user: { ...user, home: user.root === '/' ? way : `${user.root}${way}` }, outcomes };
}

/** A home that was found: the user with its place, and what became of the ops. */
export interface EnteredHome {
  user: HomeUser;
  outcomes: HomeOutcome[];
}

/** Works in the homes of many users at once, each by a process of its own. */
export interface Homes {
  /**
   * Acts on a home as its user, in order. After the first change that fails no later change is tried (`ECANCELED`).
   * What root has written so is on disk for certain only after a `sync` op.
   * @throws IsoError home.missing, home.unsafe when the home itself cannot be entered; tool.missing, os.failed
   */
  act: (user: HomeUser, ops: readonly HomeOp[]) => Promise<HomeOutcome[]>;
  /**
   * The same for a home that is only known by the account: whose hands the way to it is in is looked at by that process
   * too, so that a mount that does not answer is no matter of others. Without ops it is done by root, and nothing else is.
   */
  enter: (user: HomeUser, ops: readonly HomeOp[]) => Promise<EnteredHome>;
}

/** Runs `work` with iso-home, which is started when it is first needed and ends with the work. */
export async function withHomes<T>(work: (homes: Homes) => Promise<T>): Promise<T> {
  let program: ReturnType<typeof openHomeProgram> | undefined;
  const enter: Homes['enter'] = async (user, ops) => {
    if (!shownHome(user).startsWith('/')) throw unsafeWay(user, `${shownHome(user) || "''"} is not an absolute path`);
    const job = encodeJob(user, ops);
    if (job.reduce((size, part) => size + part.length, 0) > MAX_JOB_BYTES)
      throw died(user, 'takes no job of that size');
    program ??= openHomeProgram();
    return decodeReport(user, ops, await program.send(job));
  };
  try {
    return await work({ enter, act: async (user, ops) => (await enter(user, ops)).outcomes });
  } finally {
    await program?.close();
  }
}

/** `Homes.act` for one user, once. */
export function actInHome(user: HomeUser, ops: readonly HomeOp[]): Promise<HomeOutcome[]> {
  return withHomes((homes) => homes.act(user, ops));
}
