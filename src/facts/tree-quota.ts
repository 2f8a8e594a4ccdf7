/** A user's quota project as the host's own files and the kernel tell it: what is limited, used, and not counted. */
import { realpathSync } from 'node:fs';
import { readPlainFile } from '../sys/atomic-file.js';
import { readProject } from '../sys/quota.js';
import { type TreeFindings, walkTree } from '../sys/tree.js';
import { TREE } from './container-record.js';
import { absent, denied, type Fact, failed, measured } from './fact.js';
import { readProjectQuota } from './mounts-quota.js';
import { claimsOf, projectName } from './project-lines.js';
import type { ProvisionedUser } from './provisioned.js';

/** The project that projid(5) names for a user. */
function readProjectId(name: string): number | undefined {
  const text = readPlainFile('/etc/projid', 'latin1')?.text ?? '';
  const start = `${projectName(name)}:`;
  // Not all lines: the file may have one for each of thousands of users, and each of them asks.
  const at = text.startsWith(start) ? 0 : text.indexOf(`\n${start}`) + 1;
  if (at === 0 && !text.startsWith(start)) return undefined;
  return claimsOf('projid', [text.slice(at).split('\n', 1)[0] ?? ''])[0]?.id;
}

/** Asks about the project of a user whose tree lies where project quota is enforced. `fd` is the tree's. */
function ofProject(fd: number, name: string, missing: Fact, ask: (project: number) => Fact): Fact {
  const enforced = readProjectQuota(fd);
  if (enforced.kind !== 'measured') return enforced;
  if (enforced.value !== true) return absent('project quota is not enforced where the tree lies');
  const project = readProjectId(name);
  return project === undefined ? missing : ask(project);
}

/** Hard limit in bytes; 0 for none. */
export function readHardLimit(fd: number, { name }: ProvisionedUser): Fact {
  return ofProject(fd, name, measured(0), (project) => measured(readProject(fd, project).hardBytes));
}

/** Use in percent of the soft limits, of space or of files, whichever is nearer. */
export function readUsedPercent(fd: number, { name }: ProvisionedUser): Fact {
  return ofProject(fd, name, measured(0), (project) => {
    const { usedBytes, softBytes, usedInodes, softInodes } = readProject(fd, project);
    const share = (used: number, limit: number) => (limit === 0 ? 0 : Math.floor((used / limit) * 100));
    return measured(Math.max(share(usedBytes, softBytes), share(usedInodes, softInodes)));
  });
}

function faultsOf({ uncounted, uncountedBytes, failed: errors, error, example }: TreeFindings): Fact {
  const first = example === '.' ? `~/${TREE}` : `~/${TREE}/${example}`;
  if (errors > 0) {
    const why = `${errors} entries of the tree could not be looked at (${error}), first ${first}`;
    return error === 'EACCES' ? denied(why) : failed(why);
  }
  return measured(
    uncounted === 0 ? [] : [`${uncounted} files with ${uncountedBytes} bytes are in other projects, first ${first}`],
  );
}

/** Files of the tree that are not counted, which only their owner can have brought about. */
export function readUncounted(fd: number, { name, uid, home, uids }: ProvisionedUser): Fact {
  return ofProject(fd, name, measured(['the tree has no quota project']), (project) =>
    faultsOf(walkTree({ mode: 'check', uid, project, home: realpathSync(home), tree: TREE, ranges: uids })),
  );
}
