/** What a run that was killed left open is finished by the next one: planned anew for the same subjects, then applied. */
import { dirname, join } from 'node:path';
import { type AccountFiles, findAccount, readAccountFiles } from '../facts/accounts.js';
import { asIsoError } from '../lib/errors.js';
import { makeDirectory, readPlainFile, replaceFile } from '../sys/atomic-file.js';
import { finishRanges, type RangesOutcome } from './commit-ranges.js';
import type { Command, IntentRecord, Unfinished } from './journal.js';
import type { Journal } from './journal-file.js';
import { setUpHost } from './provision-host.js';
import { setUpUsers } from './provision-users.js';
import { takeBack } from './remove-user.js';
import { formatState, parseUserState, userStateFile } from './state.js';
import type { Plan } from './step.js';

/** What became of something that an earlier run left. */
export type Recovery =
  | { kind: 'finished'; command: Command; plan: Plan }
  /** The account is another one by now: nothing was done. */
  | { kind: 'dropped'; command: Command; subject: string; why: string }
  | { kind: 'ranges'; outcome: RangesOutcome }
  /** The journal could not be believed. */
  | { kind: 'refused'; why: string; aside: string };

/** The record's user is still the same one, or why not. */
async function whyOther(accounts: AccountFiles, record: IntentRecord): Promise<string | undefined> {
  try {
    const account = await findAccount(accounts, record.subject);
    return account.uid === record.uid ? undefined : `its uid was ${record.uid} and is ${account.uid}`;
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    return error.why;
  }
}

/** A power cut may have taken the file that says which content of a user's files is ours. */
function restoreState(root: string, { state, uid, subject }: IntentRecord): void {
  if (!state || state.uid !== uid || state.name !== subject) return;
  const path = join(root, userStateFile(state.uid));
  if (parseUserState(readPlainFile(path)?.text) === undefined) {
    makeDirectory(dirname(path), 0o700);
    replaceFile(path, formatState(state), { mode: 0o600, uid: 0, gid: 0 });
  }
}

async function finishUsers(
  root: string,
  records: readonly IntentRecord[],
  journal: Journal,
  tell: (found: Recovery) => void,
): Promise<void> {
  const accounts = readAccountFiles(root);
  const names: string[] = [];
  for (const record of records) {
    const why = await whyOther(accounts, record);
    if (why !== undefined) {
      tell({ kind: 'dropped', command: 'user', subject: record.subject, why });
      continue;
    }
    restoreState(root, record);
    names.push(record.subject);
  }
  const report = (plan: Plan) => tell({ kind: 'finished', command: 'user', plan });
  if (names.length > 0) await setUpUsers(names, { root, dryRun: false, journal, isUnfinished: true }, report);
}

/** The plan, or what kept it from being made. */
async function planOrError(subject: string, make: () => Promise<Plan>): Promise<Plan> {
  try {
    return await make();
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    return { subject, items: [], error: error.toJSON() };
  }
}

async function finishRemoval(root: string, record: IntentRecord, journal: Journal): Promise<Recovery> {
  const { subject, purge = false, deleted, uid } = record;
  const why = uid === undefined ? undefined : await whyOther(readAccountFiles(root), record);
  if (why?.startsWith('its uid')) return { kind: 'dropped', command: 'remove', subject, why };
  const plan = await planOrError(subject, () => takeBack(subject, { root, purge, deleted, journal }));
  // Removed whole before the run was killed.
  return {
    kind: 'finished',
    command: 'remove',
    plan: plan.error?.code === 'user.unknown' ? { subject, items: [] } : plan,
  };
}

/** @throws IsoError when nothing can be set up at all: then the journal stays */
export async function recover(
  root: string,
  { ranges, intents }: Unfinished,
  journal: Journal,
  tell: (found: Recovery) => void,
): Promise<void> {
  const of = (command: Command) => intents.filter((record) => record.command === command);
  if (ranges) {
    tell({ kind: 'ranges', outcome: await finishRanges(root, ranges) });
    journal.done('ranges', []);
  }
  for (const { subject } of of('system')) {
    const plan = await planOrError(subject, () => setUpHost({ root, journal, isUnfinished: true }));
    tell({ kind: 'finished', command: 'system', plan });
    journal.done('system', [subject]);
  }
  const users = of('user');
  if (users.length > 0) {
    await finishUsers(root, users, journal, tell);
    journal.done(
      'user',
      users.map(({ subject }) => subject),
    );
  }
  for (const record of of('remove')) {
    tell(await finishRemoval(root, record, journal));
    journal.done('remove', [record.subject]);
  }
}
