/** One run of iso-setup that changes things: alone, after finishing what an earlier one left, with a journal of its own. */
import { type Journal, NO_JOURNAL, openJournal, readJournal } from './journal-file.js';
import { type Recovery, recover } from './recover.js';
import { withSetupLock } from './setup-lock.js';

export type { Recovery } from './recover.js';

/** Users without root change nothing but their own home: no lock, no journal. @throws IsoError lock.held, write.failed */
export async function withTransaction<T>(
  root: string,
  tell: (found: Recovery) => void,
  work: (journal: Journal) => Promise<T>,
): Promise<T> {
  if (process.geteuid?.() !== 0) return work(NO_JOURNAL);
  return withSetupLock(root, async () => {
    const found = readJournal(root);
    if (found.kind === 'refused') tell(found);
    const journal = openJournal(root, found);
    try {
      if (found.kind === 'open') await recover(root, found.unfinished, journal, tell);
      return await work(journal);
    } finally {
      journal.end();
    }
  });
}
