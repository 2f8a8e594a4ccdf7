/** What gives users their ranges on this host: the files, which we add to, or another source, which we only ask. */
import { type ManagedRanges, readManagedRanges, readSubidSource } from '../facts/subid-source.js';
import { IsoError } from '../lib/errors.js';
import { createManagedAllocator } from './plan-managed.js';
import type { Shared } from './read-shared.js';
import type { Named } from './read-user.js';

/** What the other source gives to these accounts; undefined where the files count. @throws IsoError feature.missing, tool.failed */
export async function askManaged(
  root: string,
  names: readonly string[],
): Promise<{ source: string; of: Map<string, ManagedRanges> } | undefined> {
  const source = readSubidSource(root);
  if (source === undefined) return undefined;
  if (root !== '/') {
    const why = `${root}/etc/nsswitch.conf says \`subid: ${source}\`, and only the running system can ask ${source}`;
    throw new IsoError('feature.missing', 'cannot tell the subordinate ids of users', why);
  }
  return { source, of: await readManagedRanges(source, names) };
}

/** The same with the ranges that the other source gives to these users, where there is one. @throws IsoError feature.missing */
export async function withManagedRanges(shared: Shared, users: readonly Named[]): Promise<Shared> {
  const { root, allocation } = shared;
  const names = users.flatMap(({ account }) => (account ? [account.name] : []));
  const managed = await askManaged(root, names);
  if (!managed) return shared;
  return { ...shared, allocate: createManagedAllocator(managed.of, managed.source, allocation.policy.count) };
}

/** The two files count for something here. @throws IsoError feature.missing */
export function requireFiles(root: string): void {
  const source = readSubidSource(root);
  if (source === undefined) return;
  const why = `/etc/nsswitch.conf says \`subid: ${source}\`: ranges are managed by ${source}, and the files count for nothing`;
  throw new IsoError('feature.missing', 'cannot repair /etc/subuid and /etc/subgid', why);
}
