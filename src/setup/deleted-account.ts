/** What another program that deletes accounts leaves to us: whether the account is really gone, and its home with it. */
import { lstatSync } from 'node:fs';
import { findAccount, readAccountFiles } from '../facts/accounts.js';
import { IsoError } from '../lib/errors.js';

/** Only a clear answer counts, and only of a path that came here whole: the bytes of names need not be UTF-8. */
export function isAbsent(path: string): boolean {
  if (!path.startsWith('/') || path.includes('\uFFFD')) return false;
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

export async function isAccount(root: string, name: string): Promise<boolean> {
  try {
    await findAccount(readAccountFiles(root), name);
    return true;
  } catch (error) {
    if (error instanceof IsoError && error.code === 'user.unknown') return false;
    throw error;
  }
}
