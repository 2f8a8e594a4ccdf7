/** What another program that deletes accounts leaves to us: whether the account is really gone, and its home with it. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount, readAccountFiles } from '../facts/accounts.js';
import { IsoError } from '../lib/errors.js';

/** Only a clear answer counts, and only about a home that came here whole: the bytes of paths need not be UTF-8. */
export function isHomeGone(root: string, home: string | undefined): boolean {
  if (!home?.startsWith('/') || home.includes('\uFFFD') || home.split('/').includes('..')) return false;
  try {
    return lstatSync(join(root, home), { throwIfNoEntry: false }) === undefined;
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
