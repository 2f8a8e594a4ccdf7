/** What the commands of `iso-setup` ask for: plans alone, or one transaction that finishes earlier ones first. */
import { IsoError } from '../lib/errors.js';
import { isHomeGone } from './deleted-account.js';
import { hasJournal, type Journal, NO_JOURNAL } from './journal-file.js';
import { planBaseline, setUpHost } from './provision-host.js';
import { setUpUsers } from './provision-users.js';
import type { SharedOptions } from './read-shared.js';
import { planTakeBack, takeBack } from './remove-user.js';
import { type Repair, repairRanges } from './repair-ranges.js';
import type { Plan } from './step.js';
import { type Recovery, withTransaction } from './transaction.js';

export interface CommandOptions {
  /** Absolute, without symbolic links; `/` for this host. */
  root: string;
  dryRun: boolean;
  /** Takes what became of things that an earlier run, which was killed, had left open. Comes first. */
  tell: (found: Recovery) => void;
}

const isIdle = (plans: readonly Plan[]) => !plans.some(({ items }) => items.some(({ state }) => state === 'todo'));

/**
 * Sets users up, or with `dryRun` plans it. Each plan is handed to `report` when it is finished, in the order of names;
 * errors of single users are on their plans. @throws IsoError for what concerns all of them
 */
export async function provisionUsers(
  names: readonly string[],
  options: CommandOptions &
    Pick<SharedOptions, 'repair' | 'isReset'> & {
      report: (plan: Plan) => void;
      /** A hook that must soon be over: what a killed run left open of other users stays open. */
      isShort?: boolean;
    },
): Promise<void> {
  const { root, dryRun, report, tell, repair, isReset = false, isShort = false } = options;
  const alone = { root, dryRun: true, journal: NO_JOURNAL, isUnfinished: false, repair, isReset };
  if (dryRun) return setUpUsers(names, alone, report);
  // One user most often has nothing to do, and then no lock is needed; of many, some have, and planning twice would cost.
  if (names.length === 1 && !hasJournal(root)) {
    const plans: Plan[] = [];
    await setUpUsers(names, alone, (plan) => plans.push(plan));
    if (isIdle(plans)) {
      for (const plan of plans) report(plan);
      return;
    }
  }
  const work = (journal: Journal) => setUpUsers(names, { ...alone, dryRun, journal }, report);
  await withTransaction(root, tell, work, isShort ? names : undefined);
}

/** Puts faulty lines of the files of ranges right, or with `dryRun` plans it. @throws IsoError */
export async function repairFiles({ root, dryRun, tell }: CommandOptions): Promise<Repair> {
  if (dryRun) return repairRanges(root, { dryRun, journal: NO_JOURNAL });
  return withTransaction(root, tell, (journal) => repairRanges(root, { dryRun, journal }));
}

/** Makes the host ready, or with `dryRun` plans it. @throws IsoError when no plan can be made */
export async function provisionHost({ root, dryRun, tell }: CommandOptions): Promise<Plan> {
  if (dryRun || !hasJournal(root)) {
    const plan = await planBaseline(root);
    if (dryRun || isIdle([plan])) return plan;
  }
  return withTransaction(root, tell, (journal) => setUpHost({ root, journal, isUnfinished: false }));
}

export interface RemoveCommandOptions extends CommandOptions {
  purge: boolean;
  /** The account was deleted by a program that now waits; its home, if it was there before. */
  deleted?: { home: string | undefined } | undefined;
}

/** Takes back what a user was given, or with `dryRun` plans it. @throws IsoError */
export async function removeUser(name: string, options: RemoveCommandOptions): Promise<Plan> {
  const { root, dryRun, purge, tell } = options;
  if (process.geteuid?.() !== 0) {
    throw new IsoError('permission.denied', `cannot remove ${name}`, 'only root can take subordinate ids back');
  }
  const deleted = options.deleted && { homeIsGone: isHomeGone(root, options.deleted.home) };
  const what = { root, purge, deleted };
  if (dryRun) return planTakeBack(name, what);
  const work = (journal: Journal) => takeBack(name, { ...what, journal });
  return withTransaction(root, tell, work, deleted ? [name] : undefined);
}
