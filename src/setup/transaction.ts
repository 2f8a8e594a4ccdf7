/** One run of iso-setup that changes things: alone, after finishing what an earlier one left, with a journal of its own. */
import type { Unfinished } from './journal.js';
import { type Journal, NO_JOURNAL, openJournal, readJournal } from './journal-file.js';
import { type Recovery, recover } from './recover.js';
import { withSetupLock } from './setup-lock.js';

export type { Recovery } from './recover.js';

/** What a short run finishes: the shared files, and what concerns the users that it is about. */
const partOf = ({ ranges, intents }: Unfinished, names: ReadonlySet<string>): Unfinished => ({
  ranges,
  intents: intents.filter(({ command, subject }) => command === 'user' && names.has(subject)),
});

/**
 * Users without root change nothing but their own home: no lock, no journal.
 * @param only whom a short run is about: what was left open of others stays for the next one that has the time, or a
 * user whose home never answers would use up the time of everybody else's login
 * @throws IsoError lock.held, write.failed
 */
export async function withTransaction<T>(
  root: string,
  tell: (found: Recovery) => void,
  work: (journal: Journal) => Promise<T>,
  only?: readonly string[],
): Promise<T> {
  if (process.geteuid?.() !== 0) return work(NO_JOURNAL);
  return withSetupLock(root, async () => {
    const found = readJournal(root);
    if (found.kind === 'refused') tell(found);
    const journal = openJournal(root, found);
    try {
      if (found.kind === 'open') {
        const left = only === undefined ? found.unfinished : partOf(found.unfinished, new Set(only));
        await recover(root, left, journal, tell);
      }
      return await work(journal);
    } finally {
      journal.end();
    }
  });
}
