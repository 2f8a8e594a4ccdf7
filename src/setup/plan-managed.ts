/** Ranges of users on a host whose nsswitch.conf names another source than the files. Pure. */
import { whyForbidden } from '../facts/range-faults.js';
import type { ManagedRanges } from '../facts/subid-source.js';
import { mergeRanges } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import type { IdKind, UserRanges } from './plan-subids.js';

/**
 * As the allocator of the files, but what a user lacks is never added.
 * @throws IsoError subid.missing for a user without ranges, subid.overlap for one that holds the own id
 */
export function createManagedAllocator(
  managed: ReadonlyMap<string, ManagedRanges>,
  source: string,
  count: number,
): (user: { name: string; uid: number }) => Record<IdKind, UserRanges> {
  return (user) => {
    const found = managed.get(user.name);
    const rangesOf = (kind: IdKind): UserRanges => {
      const present = found?.[kind] ?? [];
      if (present.length === 0) {
        const why = `/etc/nsswitch.conf says \`subid: ${source}\`, and ${source} gives ${user.name} no subordinate ${kind}s`;
        throw new IsoError('subid.missing', `cannot find subordinate ids of ${user.name}`, why, {
          hint: `give the user a range in ${source}; /etc/sub${kind} counts for nothing on this host`,
        });
      }
      const why = present.map((range) => whyForbidden([user.uid], range)).find((one) => one !== undefined);
      if (why !== undefined)
        throw new IsoError('subid.overlap', `cannot use the ranges of ${user.name} from ${source}`, why);
      const isShort = !mergeRanges(present).some((range) => range.count >= count);
      return { present, fresh: undefined, managedBy: source, ...(isShort ? { isShort: true as const } : {}) };
    };
    return { uid: rangesOf('uid'), gid: rangesOf('gid') };
  };
}
