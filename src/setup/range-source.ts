/** What gives users their ranges on this host: the files, which we add to, or another source, which we only ask. */
import { readManagedRanges, readSubidSource } from '../facts/subid-source.js';
import { IsoError } from '../lib/errors.js';
import { createManagedAllocator } from './plan-managed.js';
import type { Shared } from './read-shared.js';
import type { Named } from './read-user.js';

/** The same with the ranges that the other source gives to these users, where there is one. @throws IsoError feature.missing */
export async function withManagedRanges(shared: Shared, users: readonly Named[]): Promise<Shared> {
  const { root, allocation } = shared;
  const source = readSubidSource(root);
  if (source === undefined) return shared;
  if (root !== '/') {
    const why = `${root}/etc/nsswitch.conf says \`subid: ${source}\`, and only the running system can ask ${source}`;
    throw new IsoError('feature.missing', 'cannot tell the subordinate ids of users', why);
  }
  const names = users.flatMap(({ account }) => (account ? [account.name] : []));
  const managed = await readManagedRanges(source, names);
  return { ...shared, allocate: createManagedAllocator(managed, source, allocation.policy.count) };
}

/** The two files count for something here. @throws IsoError feature.missing */
export function requireFiles(root: string): void {
  const source = readSubidSource(root);
  if (source === undefined) return;
  const why = `/etc/nsswitch.conf says \`subid: ${source}\`: ranges are managed by ${source}, and the files count for nothing`;
  throw new IsoError('feature.missing', 'cannot repair /etc/subuid and /etc/subgid', why);
}
