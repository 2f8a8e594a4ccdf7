/** The record of what was left to the first boot: written by set-ups of systems that do not run, worked off at boot. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { whyNotRunning } from '../facts/running-host.js';
import { readPlainFile, replaceFile } from '../sys/atomic-file.js';
import { DEFERRED_FILE, type DeferredFacts, parseDeferred, recordStep } from './plan-deferred.js';
import { withSetupLock } from './setup-lock.js';
import { STATE_DIR } from './state.js';

export function readDeferred(root: string): DeferredFacts {
  const path = join(root, DEFERRED_FILE);
  // Users may not look into root's directory, and have nothing to look for there.
  const text = process.geteuid?.() === 0 && existsSync(join(root, STATE_DIR)) ? readPlainFile(path)?.text : undefined;
  return { path, text };
}

function write(step: ReturnType<typeof recordStep>): void {
  if (step?.kind === 'file.remove') rmSync(step.args.path, { force: true });
  if (step?.kind === 'file.write') {
    replaceFile(step.args.path, step.args.content, { mode: step.args.mode, uid: 0, gid: 0 });
  }
}

/** Leaves these users alone on the record, and the host if it is. @throws IsoError lock.held, write.failed */
export async function keepDeferred(root: string, users: string[]): Promise<void> {
  await withSetupLock(root, async () => {
    const facts = readDeferred(root);
    write(recordStep(facts, { system: parseDeferred(facts.text).system, users }));
  });
}

/**
 * Notes users who are about to be set up, when their system does not run: quota, labels and linger wait for its boot. Before
 * they are, so that no run that is killed forgets them; one too many finds nothing to do. Needs the lock of set-up, under
 * which no user goes from the record: whoever is on it once costs nothing more.
 * @throws IsoError write.failed
 */
export function openDeferral(root: string): (names: readonly string[]) => void {
  if (process.geteuid?.() !== 0 || whyNotRunning(root) === undefined) return () => undefined;
  const noted = new Set(parseDeferred(readDeferred(root).text).users);
  return (names) => {
    const before = noted.size;
    for (const name of names) noted.add(name);
    if (noted.size === before) return;
    // Maintainer scripts add the host's own line whenever they like.
    const { path, text } = readDeferred(root);
    write(recordStep({ path, text: undefined }, { system: parseDeferred(text).system, users: [...noted] }));
  };
}
