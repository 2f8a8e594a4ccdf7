/** Homes that never answer, as on a network mount whose server is gone: whoever opens one hangs, and cannot be killed. */
import { asIsoError } from '../lib/errors.js';
import { withHomes } from '../sys/home.js';
import type { PasswdEntry } from './accounts.js';
import { homeUser } from './home.js';
import { type Mount, readMounts } from './mounts.js';

/** What the system itself mounts there holds no home. */
const OWN = /^\/(proc|sys|dev|run)(\/|$)/;
const REMOTE = /^(nfs|cifs|smb|afs|ceph|9p|glusterfs|lustre|gfs|ocfs|autofs|fuse)/;

/** True when answers from some of the files below / are another machine's or another process's to give. Pure. */
export function dependsOnOthers(mounts: readonly Mount[]): boolean {
  return mounts.some(({ type, destination }) => REMOTE.test(type) && !OWN.test(destination));
}

/**
 * Why the homes of these accounts cannot be looked at, by uid; those that can be are left out. Each is tried by a process
 * of its own, so that this one survives. For root: others have no other home than their own.
 */
export async function findDeadHomes(
  accounts: readonly Omit<PasswdEntry, 'shell'>[],
): Promise<ReadonlyMap<number, string>> {
  if (process.geteuid?.() !== 0 || !dependsOnOthers(readMounts())) return new Map();
  const tried = await withHomes((homes) =>
    Promise.all(
      accounts.map(async (account): Promise<[number, string][]> => {
        try {
          await homes.enter(homeUser('/', account, []), []);
          return [];
        } catch (thrown) {
          const { code, why } = asIsoError(thrown);
          // Absent and unsafe ones did answer; what is wrong with them is for whoever looks.
          return code === 'os.failed' ? [[account.uid, why]] : [];
        }
      }),
    ),
  );
  return new Map(tried.flat());
}
