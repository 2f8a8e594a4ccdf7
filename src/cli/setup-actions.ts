/** What the commands of `iso-setup` do: call, print, choose the exit status. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { asIsoError, hasErrno, IsoError } from '../lib/errors.js';
import type { Plan } from '../setup/step.js';
import { createPrinter, type PlanPrinter, type PrintOptions } from './print-plans.js';
import { writeOut } from './write-out.js';

export interface SetupCliOptions {
  dryRun?: boolean;
  check?: boolean;
  json?: boolean;
  root?: string;
  purge?: boolean;
  deleted?: boolean;
  home?: string;
  verbose?: boolean;
  diff?: boolean;
  reset?: boolean;
  all?: boolean;
  selected?: boolean;
  repair?: boolean;
  from?: string;
}

function rootOf(options: SetupCliOptions): string {
  if (options.root === undefined) return '/';
  try {
    return realpathSync(resolve(options.root));
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new IsoError('usage.invalid', `cannot use --root ${options.root}`, 'there is no such directory');
  }
}

const NOBODY = "nothing to do: the list is empty, and no account is one that the policy's [users] means";

export const isDry = (options: SetupCliOptions) => options.dryRun === true || options.check === true;

/** Whoever asks for a list gets one, however long it turns out. */
const isList = ({ all, from }: SetupCliOptions) => all === true || from !== undefined;

export function printerOf(options: SetupCliOptions, over: Partial<PrintOptions>): PlanPrinter {
  return createPrinter({
    action: 'setup.apply',
    key: 'user',
    many: undefined,
    isDry: isDry(options),
    isCheck: options.check === true,
    json: options.json === true,
    isDiff: options.diff === true,
    isVerbose: options.verbose === true,
    isHost: options.root === undefined,
    ...over,
  });
}

/** A failure before there was a plan is recorded as well, then told as every error is. */
async function makeOne<T>(subject: string, printer: PlanPrinter, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code !== 'internal') printer.record({ subject, items: [], error: error.toJSON() });
    throw error.code === 'internal' ? thrown : error;
  }
}

async function runOne(subject: string, printer: PlanPrinter, make: () => Promise<Plan>): Promise<void> {
  printer.report(await makeOne(subject, printer, make));
  printer.end();
}

async function namesOf(root: string, given: readonly string[], options: SetupCliOptions): Promise<string[]> {
  if (given.length === 0 && !isList(options)) {
    if (options.repair) return [];
    throw new IsoError('usage.invalid', 'cannot tell whom to set up', 'give login names, --all or --from FILE');
  }
  const { selectUsers } = await import('../setup/select-users.js');
  return selectUsers(root, {
    names: given,
    all: options.all === true,
    from: options.from,
    isSelected: options.selected === true,
  });
}

export async function setUpUsers(given: readonly string[], options: SetupCliOptions): Promise<void> {
  const { provisionUsers, repairFiles } = await import('../setup/commands.js');
  const root = rootOf(options);
  const names = await namesOf(root, given, options);
  if (names.length === 0 && !options.repair && !options.json) writeOut(`${NOBODY}\n`);
  const count = new Set(names).size;
  const isOne = count + (options.repair ? 1 : 0) === 1 && !isList(options);
  const isVerbose = options.verbose === true || options.diff === true || count === 1;
  const printer = printerOf(options, { many: isOne ? undefined : count, isVerbose });
  const settings = { root, dryRun: isDry(options), ...printer };
  const repair = options.repair ? await makeOne('subordinate ids', printer, () => repairFiles(settings)) : undefined;
  // It is of the two files, not of a user.
  if (repair) printer.report(repair.plan, 'files');
  if (names.length > 0)
    await provisionUsers(names, {
      ...settings,
      repair: repair?.lines,
      isReset: options.reset === true,
      isShort: options.selected === true,
    });
  printer.end();
}

export async function setUpSystem(options: SetupCliOptions): Promise<void> {
  const { provisionHost } = await import('../setup/commands.js');
  const root = rootOf(options);
  if (process.geteuid?.() !== 0 && !isDry(options)) {
    throw new IsoError('permission.denied', 'cannot set up the host', 'only root can', {
      hint: 'run `sudo iso-setup system`',
    });
  }
  const printer = printerOf(options, { key: 'host' });
  await runOne('host', printer, () => provisionHost({ root, dryRun: isDry(options), tell: printer.tell }));
}

export async function removeOne(name: string, options: SetupCliOptions): Promise<void> {
  const { removeUser } = await import('../setup/commands.js');
  const { purge = false, deleted = false, home } = options;
  if (home !== undefined && !deleted)
    throw new IsoError('usage.invalid', 'cannot use --home', 'it goes with --deleted alone');
  if (purge && deleted)
    throw new IsoError('usage.invalid', 'cannot purge a deleted account', '--deleted never removes data');
  const printer = printerOf(options, { action: 'setup.remove' });
  const gone = deleted ? { home } : undefined;
  const settings = { root: rootOf(options), dryRun: isDry(options), purge, deleted: gone, tell: printer.tell };
  await runOne(name, printer, () => removeUser(name, settings));
}

/** The work of iso-toolkit-setup.service. */
export async function doDeferred(options: SetupCliOptions): Promise<void> {
  const { finishDeferred } = await import('../setup/finish-deferred.js');
  const printer = printerOf(options, { many: 0, isVerbose: true });
  await finishDeferred(printer);
  printer.end();
}
