/** Which quota project a user's container tree has: derived from the uid, and used only where nobody else does. Pure. */
import {
  type ClaimIndex,
  claimsOf,
  PROJECT_FILES,
  type ProjectClaim,
  type ProjectFile,
  type ProjectRegister,
  projectName,
} from '../facts/project-lines.js';

/** The lines of one user: `iso-alice:1073742824` and `1073742824:/home/alice/.local/share/containers`. */
export type UserProjectLines = Record<ProjectFile, string>;

type UserProjectStale = Record<ProjectFile, string[]>;

export interface ProjectOwner {
  name: string;
  uid: number;
  /** The container tree, as the user sees it. */
  tree: string;
}

/** `recorded`: both files name the project already. */
export type ProjectFacts = { why: undefined; id: number; recorded: boolean } | { why: string };

// Other tools count from 1 or from 1048577 up, systemd takes the upper half of the numbers.
const FIRST = 0x40000000;
const SECOND = 0x60000000;
const END = 0x80000000;

/** Ids that a user's project may have, the preferred one first; none when the uid does not fit. */
export function projectCandidates(uid: number): number[] {
  return [FIRST + uid, SECOND + uid].filter((id) => id < END);
}

export function linesOf({ name, tree }: ProjectOwner, id: number): UserProjectLines {
  const latin1 = Buffer.from(tree).toString('latin1');
  return { projid: `${projectName(name)}:${id}`, projects: `${id}:${latin1}` };
}

const claimIn = (lines: UserProjectLines, file: ProjectFile): ProjectClaim => {
  const [claim] = claimsOf(file, [lines[file]]);
  if (!claim) throw new Error(`${lines[file]} is no line of ${file}`);
  return claim;
};

/** Lines of a file that have the id, the name or the directory of the user's own. */
function rivalsIn(index: ClaimIndex, { id, holder, text }: ProjectClaim): ProjectClaim[] {
  const found = [...(index.byId.get(id) ?? []), ...(index.byHolder.get(holder) ?? [])];
  return found.filter((rival) => rival.text !== text);
}

/**
 * Our own lines that the user's take the place of: an older name of this uid, a home that has moved. From the second half
 * on an id may also be the next choice of another uid, and its line is that user's.
 */
function isStale(rival: ProjectClaim, own: ProjectClaim, ours: ClaimIndex): boolean {
  return ours.lines.has(rival.text) && (rival.holder === own.holder || own.id < SECOND);
}

/** Our lines that have to go when these are added. */
export function findStale(register: ProjectRegister, lines: UserProjectLines): UserProjectStale {
  const stale = (file: ProjectFile) => {
    const own = claimIn(lines, file);
    const rivals = [...rivalsIn(register.etc[file], own), ...rivalsIn(register.ours[file], own)];
    return rivals.filter((rival) => isStale(rival, own, register.ours[file])).map(({ text }) => text);
  };
  return { projid: stale('projid'), projects: stale('projects') };
}

/** Who else says that the id, the name or the directory is theirs; undefined when nobody does. */
export function findForeignClaim(register: ProjectRegister, lines: UserProjectLines): string | undefined {
  for (const file of PROJECT_FILES) {
    const own = claimIn(lines, file);
    const foreign = rivalsIn(register.etc[file], own).find((rival) => !isStale(rival, own, register.ours[file]));
    if (foreign) return `/etc/${file} has the line ${foreign.text}`;
  }
  return undefined;
}

const isRecorded = (register: ProjectRegister, lines: UserProjectLines) =>
  PROJECT_FILES.every(
    (file) => register.etc[file].lines.has(lines[file]) && register.ours[file].lines.has(lines[file]),
  );

/** The id that our own notes give to a user's name. */
export function recordedId(register: ProjectRegister, name: string): number | undefined {
  return register.ours.projid.byHolder.get(projectName(name))?.[0]?.id;
}

/** What was seen of a project on the file system before it is used. */
export interface ProjectUse {
  /** Project that the top of the tree is in now, 0 for none. */
  top: number;
  /** Files that are charged to a project, wherever they are. */
  filesOf: (id: number) => number;
}

/**
 * The project that the user has, or that the user gets. A user can give files away to the project of somebody who has
 * none yet (a file's owner may set any id), so an id that is in use is passed over and not fought for.
 */
export function chooseProject(owner: ProjectOwner, register: ProjectRegister, use: ProjectUse): ProjectFacts {
  const candidates = projectCandidates(owner.uid);
  if (candidates.length === 0) return { why: `no quota project can be made of uid ${owner.uid}` };
  // projects(5) ends a directory at the next colon, and both files a line at its newline.
  if (/[:\n]/.test(owner.tree)) return { why: `${JSON.stringify(owner.tree)} cannot stand in /etc/projects` };
  const mine = recordedId(register, owner.name);
  const ordered = mine !== undefined && candidates.includes(mine) ? [mine] : candidates;
  const reasons: string[] = [];
  for (const id of ordered) {
    const lines = linesOf(owner, id);
    const claim = findForeignClaim(register, lines);
    if (claim !== undefined) reasons.push(`${claim}, so project ${id} is not this user's`);
    else if (id === mine || id === use.top || use.filesOf(id) === 0)
      return { why: undefined, id, recorded: isRecorded(register, lines) };
    else reasons.push(`${use.filesOf(id)} files that are not in the tree are charged to project ${id} already`);
  }
  return { why: reasons.join('; ') };
}
