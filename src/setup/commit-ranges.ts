/** /etc/subuid and /etc/subgid replaced together: both are complete on disk before the first takes its place. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  commitPrepared,
  discardPrepared,
  type FileMode,
  keepBackup,
  prepareFile,
  readPlainFile,
  readPrepared,
} from '../sys/atomic-file.js';
import { withSubidLocks } from '../sys/shadow-lock.js';
import type { RangesRecord } from './journal.js';
import type { Journal } from './journal-file.js';
import { ID_KINDS, type IdKind } from './plan-subids.js';

const NEW_MODE: FileMode = { mode: 0o644, uid: 0, gid: 0 };

export const subidFile = (root: string, id: IdKind) => join(root, `etc/sub${id}`);

const digest = (latin1: string) => createHash('sha256').update(latin1, 'latin1').digest('hex');
const digestOf = (path: string) => digest(readPlainFile(path, 'latin1')?.text ?? '');

/** Replaces the given files, texts as latin-1. Needs the locks of shadow. @throws IsoError write.failed, with nothing changed */
export function commitRanges(root: string, changes: readonly { id: IdKind; after: string }[], journal: Journal): void {
  if (changes.length === 0) return;
  const files: RangesRecord['files'] = {};
  for (const { id, after } of changes) files[id] = { before: digestOf(subidFile(root, id)), after: digest(after) };
  journal.intend([{ kind: 'ranges', files }]);
  const prepared: ReturnType<typeof prepareFile>[] = [];
  try {
    for (const { id, after } of changes) {
      const file = subidFile(root, id);
      const stat = readPlainFile(file, 'latin1')?.stat;
      const mode = stat ? { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid } : NEW_MODE;
      prepared.push(prepareFile(file, Buffer.from(after, 'latin1'), mode));
    }
    for (const { id } of changes) keepBackup(subidFile(root, id));
  } catch (error) {
    for (const file of prepared) file.discard();
    journal.done('ranges', []);
    throw error;
  }
  for (const file of prepared) file.commit();
}

/** `left`: another program has written a file since; what is missing is planned anew. */
export type RangesOutcome = 'complete' | 'completed' | 'undone' | 'left';

/** What stands in each file, judged by the digests that were noted before anything was replaced. */
function judge(root: string, files: RangesRecord['files']): { outcome: RangesOutcome; behind: IdKind[] } {
  const kinds = ID_KINDS.filter((id) => files[id]);
  const now = new Map(kinds.map((id) => [id, digestOf(subidFile(root, id))]));
  const behind = kinds.filter((id) => now.get(id) === files[id]?.before);
  const isReady = (id: IdKind) => digest(readPrepared(subidFile(root, id)) ?? '') === files[id]?.after;
  if (kinds.every((id) => now.get(id) === files[id]?.after)) return { outcome: 'complete', behind: [] };
  if (behind.length === kinds.length) return { outcome: 'undone', behind };
  const isKnown = kinds.every((id) => behind.includes(id) || now.get(id) === files[id]?.after);
  return { outcome: isKnown && behind.every(isReady) ? 'completed' : 'left', behind };
}

/** Brings both files to one of the states that a run may leave: none replaced, or all. @throws IsoError lock.held */
export async function finishRanges(root: string, { files }: RangesRecord): Promise<RangesOutcome> {
  return withSubidLocks(join(root, 'etc'), async () => {
    const { outcome, behind } = judge(root, files);
    for (const id of ID_KINDS) {
      if (outcome === 'completed' && behind.includes(id)) commitPrepared(subidFile(root, id));
      else discardPrepared(subidFile(root, id));
    }
    return outcome;
  });
}
