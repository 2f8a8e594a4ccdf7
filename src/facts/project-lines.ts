/** Names and directories of quota projects: projid(5) and projects(5), and which of their lines iso-setup added. Pure. */
/** The two files; their lines in one order everywhere. */
export const PROJECT_FILES = ['projid', 'projects'] as const;
export type ProjectFile = (typeof PROJECT_FILES)[number];

/** Lines of both files as they are, bytes as latin-1. */
export type ProjectLines = Record<ProjectFile, readonly string[]>;

/** The lines of one file, to be looked up in for thousands of users. */
export interface ClaimIndex {
  lines: ReadonlySet<string>;
  byId: ReadonlyMap<number, readonly ProjectClaim[]>;
  byHolder: ReadonlyMap<string, readonly ProjectClaim[]>;
}

export interface ProjectRegister {
  etc: Record<ProjectFile, ClaimIndex>;
  /** What iso-setup added, in files of the same form: they are all that a purge has to take back. */
  ours: Record<ProjectFile, ClaimIndex>;
}

export interface ProjectClaim {
  id: number;
  /** A name in projid(5), a directory in projects(5). */
  holder: string;
  /** The line as it stands. */
  text: string;
}

/** The name that a user's project has in projid(5). */
export const projectName = (user: string) => `iso-${user}`;

const ID = /^\d{1,10}$/;

/** `name:id`. Comments and whatever else there is claim nothing. */
function parseName(text: string): ProjectClaim | undefined {
  const [holder = '', id = ''] = text.split(':');
  return text.startsWith('#') || holder === '' || !ID.test(id) ? undefined : { id: Number(id), holder, text };
}

/** `id:directory`. */
function parseDirectory(text: string): ProjectClaim | undefined {
  const [id = '', holder = ''] = text.split(':');
  return holder === '' || !ID.test(id) ? undefined : { id: Number(id), holder, text };
}

const PARSE = { projid: parseName, projects: parseDirectory };

/** What the lines of one file say. */
export function claimsOf(file: ProjectFile, lines: readonly string[]): ProjectClaim[] {
  return lines.flatMap((line) => PARSE[file](line) ?? []);
}

/** A last line without its newline is a line as well. */
export function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function groupBy<K>(claims: readonly ProjectClaim[], key: (claim: ProjectClaim) => K): Map<K, ProjectClaim[]> {
  const groups = new Map<K, ProjectClaim[]>();
  for (const claim of claims) {
    const group = groups.get(key(claim));
    if (group) group.push(claim);
    else groups.set(key(claim), [claim]);
  }
  return groups;
}

function indexFile(file: ProjectFile, lines: readonly string[]): ClaimIndex {
  const claims = claimsOf(file, lines);
  return {
    lines: new Set(lines),
    byId: groupBy(claims, ({ id }) => id),
    byHolder: groupBy(claims, ({ holder }) => holder),
  };
}

export function indexLines(lines: ProjectLines): Record<ProjectFile, ClaimIndex> {
  return { projid: indexFile('projid', lines.projid), projects: indexFile('projects', lines.projects) };
}
