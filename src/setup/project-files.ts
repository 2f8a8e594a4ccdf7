/**
 * /etc/projid and /etc/projects: read, and rewritten with every foreign line kept. There is no lock that all tools agree
 * on; like kubelet, the one other program known to write them, we take flock(2) on both files, replace them whole and
 * refuse symbolic links.
 */
import { closeSync, constants, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_FILES, type ProjectFile, type ProjectLines, type ProjectRegister } from '../facts/project-lines.js';
import { readLinesOf, readProjectLines, readProjectRegister } from '../facts/projects.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { makeDirectory, replaceFile } from '../sys/atomic-file.js';
import { mayRootHold, tryLock } from '../sys/flock.js';
import { findForeignClaim, findStale, linesOf, type ProjectOwner } from './plan-project.js';
import { STATE_DIR } from './state.js';

const WAIT_MS = 15_000;
const RETRY_MS = 20;
/** Who holds a lock is looked up so often; more than once, since it may go from one tool to the next between two looks. */
const LOOK_MS = 250;
const LOOKS = 2;
const NEW_MODE = 0o644;

const etcFile = (root: string, file: ProjectFile) => join(root, 'etc', file);
const noteFile = (root: string, file: ProjectFile) => join(root, STATE_DIR, file);

/** The register of the host below `root`. */
export const readRegister = (root: string, isRoot: boolean): ProjectRegister =>
  readProjectRegister(root, STATE_DIR, isRoot);

function openForLock(path: string): number {
  const { O_RDONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, NEW_MODE);
  } catch (error) {
    if (!hasErrno(error, 'ELOOP')) throw error;
    throw new IsoError('os.failed', `cannot lock ${path}`, 'it is a symbolic link where a regular file belongs');
  }
}

/**
 * A lock on the file that has this name now: whoever held it before may have put another one in its place. With `goesOn`
 * the file as it is, locked or not.
 */
function tryLockPath(path: string, goesOn: boolean): { fd: number } | { fd: undefined; inode: number } {
  const fd = openForLock(path);
  const inode = fstatSync(fd).ino;
  const isCurrent = () => statSync(path, { throwIfNoEntry: false })?.ino === inode;
  if ((tryLock(fd) || goesOn) && isCurrent()) return { fd };
  closeSync(fd);
  return { fd: undefined, inode };
}

/** Waits for root's own tools, and not for users, who can lock whatever they can read. */
async function lock(path: string): Promise<number> {
  let look = Date.now() + LOOK_MS;
  let users = 0;
  for (const end = Date.now() + WAIT_MS; ; await sleep(RETRY_MS)) {
    const tried = tryLockPath(path, users >= LOOKS);
    if (tried.fd !== undefined) return tried.fd;
    if (Date.now() > look) {
      users = mayRootHold(tried.inode) ? 0 : users + 1;
      look = Date.now() + LOOK_MS;
    }
    if (Date.now() > end) {
      throw new IsoError('lock.held', `cannot change ${path}`, `it stays locked (waited ${WAIT_MS / 1000} s)`, {
        hint: `see who holds it with \`fuser ${path}\``,
      });
    }
  }
}

async function withLocks<T>(root: string, work: () => T): Promise<T> {
  makeDirectory(join(root, 'etc'), 0o755);
  const fds: number[] = [];
  try {
    for (const file of ['projects', 'projid'] as const) fds.push(await lock(etcFile(root, file)));
    return work();
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Owner and mode stay; a file without a line says nothing and goes, so that a purge leaves no trace. */
function writeLines(path: string, lines: readonly string[], mode: number): void {
  if (lines.length === 0) {
    rmSync(path, { force: true });
    return;
  }
  if (readLinesOf(path).join('\n') === lines.join('\n')) return;
  const stat = statSync(path, { throwIfNoEntry: false });
  const text = lines.map((line) => `${line}\n`).join('');
  replaceFile(path, Buffer.from(text, 'latin1'), {
    mode: stat ? stat.mode & 0o7777 : mode,
    uid: stat?.uid ?? 0,
    gid: stat?.gid ?? 0,
  });
}

function writeNotes(root: string, notes: ProjectLines): void {
  makeDirectory(join(root, STATE_DIR), 0o700);
  for (const file of PROJECT_FILES) writeLines(noteFile(root, file), notes[file], 0o600);
}

export interface Recording {
  owner: ProjectOwner;
  id: number;
}

/** Lines of a file with some taken out and some put behind; what is there stays where it is. */
function edit(lines: readonly string[], gone: ReadonlySet<string>, fresh: readonly string[]): string[] {
  const present = new Set(lines);
  return [...lines.filter((line) => !gone.has(line)), ...fresh.filter((line) => !present.has(line))];
}

interface Addition {
  fresh: Record<ProjectFile, string[]>;
  stale: Record<ProjectFile, Set<string>>;
  /** Why, by user. */
  refused: Map<string, string>;
}

function addition(register: ProjectRegister, recordings: readonly Recording[]): Addition {
  const fresh = { projid: [] as string[], projects: [] as string[] };
  const stale = { projid: new Set<string>(), projects: new Set<string>() };
  const refused = new Map<string, string>();
  const taken = new Map<number, string>();
  for (const { owner, id } of recordings) {
    const lines = linesOf(owner, id);
    const other = taken.get(id);
    const claim = other === undefined ? findForeignClaim(register, lines) : `project ${id} has gone to ${other}`;
    if (claim !== undefined) {
      refused.set(owner.name, claim);
      continue;
    }
    taken.set(id, owner.name);
    const old = findStale(register, lines);
    for (const file of PROJECT_FILES) {
      fresh[file].push(lines[file]);
      for (const line of old[file]) stale[file].add(line);
    }
  }
  return { fresh, stale, refused };
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Records the projects of all users of a call at once, from the files as they are under the lock. Returns why, for those
 * whose project somebody else has claimed meanwhile. The note of what is ours goes first: a killed run leaves a note of a
 * line that is not there, which harms nobody.
 * @throws IsoError lock.held, write.failed
 */
export function addProjects(root: string, recordings: readonly Recording[]): Promise<Map<string, string>> {
  return withLocks(root, () => {
    const { fresh, stale, refused } = addition(readRegister(root, true), recordings);
    const etc = readProjectLines(join(root, 'etc'));
    const ours = readProjectLines(join(root, STATE_DIR));
    const notes = (gone: Record<ProjectFile, ReadonlySet<string>>) => ({
      projid: edit(ours.projid, gone.projid, fresh.projid),
      projects: edit(ours.projects, gone.projects, fresh.projects),
    });
    writeNotes(root, notes({ projid: NONE, projects: NONE }));
    for (const file of PROJECT_FILES) {
      writeLines(etcFile(root, file), edit(etc[file], stale[file], fresh[file]), NEW_MODE);
    }
    writeNotes(root, notes(stale));
    return refused;
  });
}

/** Takes back exactly these lines, as far as they are ours. @throws IsoError lock.held, write.failed */
export function removeProjectLines(root: string, lines: ProjectLines): Promise<void> {
  return withLocks(root, () => {
    const etc = readProjectLines(join(root, 'etc'));
    const ours = readProjectLines(join(root, STATE_DIR));
    const isTaken = (file: ProjectFile, line: string) => lines[file].includes(line) && ours[file].includes(line);
    for (const file of PROJECT_FILES) {
      const kept = etc[file].filter((line) => !isTaken(file, line));
      writeLines(etcFile(root, file), kept, NEW_MODE);
    }
    const rest = (file: ProjectFile) => ours[file].filter((line) => !isTaken(file, line));
    writeNotes(root, { projid: rest('projid'), projects: rest('projects') });
  });
}
