/** What stands in a user's home where the toolkit needs something: seen by the user's own eyes, through iso-home. */
import type { HomeOp, HomeOutcome, Homes, HomeUser } from '../sys/home.js';
import type { PasswdEntry } from './accounts.js';

/** By path below the home; '' is the home itself. */
export type HomeFacts = ReadonlyMap<string, HomeOutcome>;

/** The same list of paths is looked at in every home. */
const questions = new WeakMap<readonly string[], readonly HomeOp[]>();

/** @throws IsoError home.missing, home.unsafe, tool.missing, os.failed */
export async function observeHome(
  homes: Homes,
  account: HomeUser,
  paths: readonly string[],
): Promise<{ user: HomeUser; entries: HomeFacts }> {
  const ops = questions.get(paths) ?? paths.map((path) => ({ op: 'observe' as const, path }));
  questions.set(paths, ops);
  const { user, outcomes } = await homes.enter(account, ops);
  return { user, entries: new Map(outcomes.map((outcome, index) => [paths[index] ?? '', outcome])) };
}

/** A user whose home has yet to be found. */
export function homeUser(root: string, account: Omit<PasswdEntry, 'shell'>, groups: readonly number[]): HomeUser {
  const { name, uid, gid } = account;
  return { name, uid, gid, groups, root, home: root === '/' ? account.home : `${root}${account.home}` };
}
