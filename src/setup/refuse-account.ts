/** Accounts that are never provisioned. Pure. */
import type { PasswdEntry } from '../facts/accounts.js';
import { IsoError } from '../lib/errors.js';

/** systemd's dynamic users, and the overflow ids (systemd's "UIDs and GIDs" document). */
const DYNAMIC = { first: 61184, last: 65519 };
const OVERFLOW = [65534, 65535, 4294967294, 4294967295];

/** @throws IsoError user.refused with the reason */
export function requireOrdinary(account: PasswdEntry, uidMin: number): void {
  const { name, uid, home } = account;
  const refuse = (why: string, hint?: string) =>
    new IsoError('user.refused', `cannot provision ${name}`, why, { hint });
  if (uid === 0) {
    throw refuse('uid 0 is root: a container of root is no container without privilege', 'give an ordinary user');
  }
  if (OVERFLOW.includes(uid) || name === 'nobody') throw refuse(`uid ${uid} stands for nobody in particular`);
  if (uid < uidMin) {
    throw refuse(
      `uid ${uid} is a system account's: ordinary ones start at ${uidMin} (UID_MIN in /etc/login.defs)`,
      'make an ordinary account for the containers with `useradd -m NAME`',
    );
  }
  if (uid >= DYNAMIC.first && uid <= DYNAMIC.last)
    throw refuse(`uid ${uid} is one that systemd gives out and takes back`);
  if (/^\/*$/.test(home))
    throw refuse(`the home of the account is '${home}'`, `give it one: \`usermod -d /home/${name} -m ${name}\``);
}

export function isOrdinary(account: PasswdEntry, uidMin: number): boolean {
  try {
    requireOrdinary(account, uidMin);
    return true;
  } catch (error) {
    if (error instanceof IsoError) return false;
    throw error;
  }
}
