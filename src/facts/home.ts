/** What stands in a user's home where the toolkit needs something: seen by the user's own eyes, through iso-home. */
import type { HomeOutcome, Homes, HomeUser } from '../sys/home.js';
import type { PasswdEntry } from './accounts.js';

/** By path below the home; '' is the home itself. */
export type HomeFacts = ReadonlyMap<string, HomeOutcome>;

/** @throws IsoError home.missing, home.unsafe, tool.missing, os.failed */
export async function observeHome(homes: Homes, user: HomeUser, paths: readonly string[]): Promise<HomeFacts> {
  const outcomes = await homes.act(
    user,
    paths.map((path) => ({ op: 'observe', path })),
  );
  return new Map(outcomes.map((outcome, index) => [paths[index] ?? '', outcome]));
}

export function homeUser(account: PasswdEntry, home: string, groups: readonly number[]): HomeUser {
  return { name: account.name, uid: account.uid, gid: account.gid, groups, home };
}
