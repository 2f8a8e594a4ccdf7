/** One iso-setup at a time on a host: what two of them planned from the same facts would not fit together. */
import { join } from 'node:path';
import { withFileLock } from '../sys/shadow-lock.js';
import { STATE_DIR } from './state.js';
import { makeStateDirectory } from './subid-files.js';

/** The set-up of ten thousand users takes half a minute. */
const WAIT_MS = 180_000;
/** A maintainer script waits shorter, since dpkg's own locks are held meanwhile; it leaves its work to the next boot. */
const SCRIPT_WAIT_MS = 15_000;

/** Runs `work` alone. Users without root change nothing but their own home and need no lock. @throws IsoError lock.held */
export async function withSetupLock<T>(root: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  makeStateDirectory(root);
  const wait = process.env.DPKG_MAINTSCRIPT_NAME === undefined ? WAIT_MS : SCRIPT_WAIT_MS;
  return withFileLock(join(root, STATE_DIR, 'lock'), 'cannot start while another iso-setup is at work', work, wait);
}
