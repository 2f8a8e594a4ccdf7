/** Files of a user and of subordinate ids, as a container tree holds them. */
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const UID = 70001;
export const SUBORDINATE = 600_000;
export const TREE = '.local/share/containers';

export function own(path: string, uid = UID): string {
  lchownSync(path, uid, uid);
  return path;
}

export function directory(path: string, uid = UID): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return own(path, uid);
}

export function file(path: string, uid = UID): string {
  writeFileSync(path, 'content');
  return own(path, uid);
}

/** A home of its own below `place`, with an empty container tree. */
export function makeHome(place: string): string {
  const home = mkdtempSync(join(place, 'home.'));
  chmodSync(home, 0o700);
  own(home);
  for (const part of ['.local', '.local/share', TREE]) directory(join(home, part));
  return home;
}
