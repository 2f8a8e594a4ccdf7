/** The door to `iso-tree`: what root does in a container tree, by descriptor. The protocol is told in native/tree.c. */
import { spawnSync } from 'node:child_process';
import { IsoError } from '../lib/errors.js';
import { errnoName } from './ffi.js';
import { installed } from './install.js';
import { decodeTokens, encodeTokens } from './wire.js';

export interface TreeOwner {
  uid: number;
  /** Absolute, without symbolic links. */
  home: string;
  /** Below the home. */
  tree: string;
  /** Subordinate uids of the user: files of these are the user's as well. */
  ranges: readonly { start: number; count: number }[];
}

export interface TreeRequest extends TreeOwner {
  /** `check` changes nothing; `clear` removes what lies below the tree, and its project is 0. */
  mode: 'tag' | 'check' | 'clear';
  project: number;
}

/** Names by what they are; `uncounted` are in another project or in none. */
export interface TreeFindings {
  counted: number;
  /** Put into the project, or removed. */
  changed: number;
  uncounted: number;
  uncountedBytes: number;
  /** Links, FIFOs, sockets and devices that the kernel lets nobody look at (before Linux 6.17). */
  special: number;
  /** Left alone with all below: files of others, other file systems, what lies too deep. */
  foreign: number;
  mounts: number;
  deep: number;
  failed: number;
  /** Name of the first errno, when anything failed. */
  error: string | undefined;
  /** Below the tree: the first that is uncounted or failed; `.` is the tree itself. */
  example: string;
}

// Millions of files take minutes. What a walk has done stays done, so the next one goes on behind it.
const TIMEOUT_MS = 15 * 60_000;
const MAX_REPORT_BYTES = 64 * 2 ** 10;
const FIELDS = 11;

const WHY: Record<string, string> = {
  ENOENT: 'it does not exist',
  ELOOP: 'a component of the path is a symbolic link',
  ENOTDIR: 'a component of the path is a symbolic link or no directory',
  EPERM: 'a component of the path belongs to another user',
  EXDEV: 'another file system is mounted on a component of the path',
  ENOTTY: 'the file system has no quota projects',
  EOPNOTSUPP: 'the file system has no quota projects',
};

function decode(report: Buffer, failed: (why: string) => IsoError): TreeFindings {
  const tokens = decodeTokens(report)?.map(String) ?? [];
  if (tokens[0] === 'fatal') {
    const name = errnoName(Number(tokens[2]));
    throw failed(tokens[1] === 'tree' ? (WHY[name] ?? name) : `iso-tree failed to ${tokens[1]}: ${name}`);
  }
  if (tokens.length !== FIELDS + 1 || tokens[FIELDS] !== 'end') throw failed('iso-tree gave no whole report');
  const number = (index: number) => Number(tokens[index]);
  return {
    counted: number(0),
    changed: number(1),
    uncounted: number(2),
    uncountedBytes: number(3),
    special: number(4),
    foreign: number(5),
    mounts: number(6),
    deep: number(7),
    failed: number(8),
    error: number(9) === 0 ? undefined : errnoName(number(9)),
    example: tokens[10] ?? '',
  };
}

const WHAT: Record<TreeRequest['mode'], string> = {
  tag: 'cannot put the container tree into its project',
  check: 'cannot look through the container tree',
  clear: 'cannot empty the container tree',
};

/**
 * Walks a container tree once.
 * @throws IsoError step.failed when the tree cannot be entered or the walk did not end, tool.missing
 */
export function walkTree({ mode, uid, project, home, tree, ranges }: TreeRequest): TreeFindings {
  const failed = (why: string) => new IsoError('step.failed', WHAT[mode], why);
  const numbers = ranges.flatMap(({ start, count }) => [start, count]);
  const { stdout, error, signal } = spawnSync(installed('iso-tree'), [], {
    input: encodeTokens(['iso-tree-1', mode, uid, project, home, tree, ranges.length, ...numbers]),
    env: {},
    cwd: '/',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_REPORT_BYTES,
  });
  if (signal !== null) throw failed(`iso-tree was ended by ${signal}; run the command again, it goes on where it was`);
  if (error) throw new IsoError('tool.missing', 'cannot run iso-tree', error.message, { cause: error });
  return decode(stdout, failed);
}
