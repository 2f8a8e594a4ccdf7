/** The register of quota projects as it stands on a host. */
import { join } from 'node:path';
import { readPlainFile } from '../sys/atomic-file.js';
import { indexLines, type ProjectLines, type ProjectRegister, splitLines } from './project-lines.js';

/** @throws IsoError os.failed for a symbolic link or anything but a file */
export function readLinesOf(path: string): string[] {
  return splitLines(readPlainFile(path, 'latin1')?.text ?? '');
}

export const readProjectLines = (folder: string): ProjectLines => ({
  projid: readLinesOf(join(folder, 'projid')),
  projects: readLinesOf(join(folder, 'projects')),
});

/** `state`: the toolkit's own directory, which only root can read. */
export function readProjectRegister(root: string, state: string, isRoot: boolean): ProjectRegister {
  const ours = isRoot ? readProjectLines(join(root, state)) : { projid: [], projects: [] };
  return { etc: indexLines(readProjectLines(join(root, 'etc'))), ours: indexLines(ours) };
}
