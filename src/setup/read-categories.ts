/** The SELinux category pairs that users have, by uid: what root noted of each user. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { parseUserState, STATE_DIR } from './state.js';

const STATE_NAME = /^\d{1,10}\.json$/;

export function readCategories(root: string): Map<number, number> {
  const folder = join(root, STATE_DIR, 'users');
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => STATE_NAME.test(name));
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  const pairs = new Map<number, number>();
  for (const name of names.sort()) {
    const state = parseUserState(readPlainFile(join(folder, name))?.text);
    if (state?.categories !== undefined) pairs.set(state.uid, state.categories);
  }
  return pairs;
}
