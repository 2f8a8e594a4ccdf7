/** What stands in a user's home where the toolkit needs something: seen by the user's own eyes, through iso-home. */
import type { HomeOp, HomeOutcome, Homes, HomeUser } from '../sys/home.js';
import type { PasswdEntry } from './accounts.js';

/** By path below the home; '' is the home itself. */
export type HomeFacts = ReadonlyMap<string, HomeOutcome>;

/** The same list of paths is looked at in every home. */
const questions = new WeakMap<readonly string[], readonly HomeOp[]>();

/** @throws IsoError home.missing, home.unsafe, tool.missing, os.failed */
export async function observeHome(homes: Homes, user: HomeUser, paths: readonly string[]): Promise<HomeFacts> {
  const ops = questions.get(paths) ?? paths.map((path) => ({ op: 'observe' as const, path }));
  questions.set(paths, ops);
  const outcomes = await homes.act(user, ops);
  return new Map(outcomes.map((outcome, index) => [paths[index] ?? '', outcome]));
}

export function homeUser(account: PasswdEntry, home: string, groups: readonly number[]): HomeUser {
  return { name: account.name, uid: account.uid, gid: account.gid, groups, home };
}
