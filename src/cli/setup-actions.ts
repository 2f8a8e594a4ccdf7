/** What the commands of `iso-setup` do: call, print, choose the exit status. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { asIsoError, ERROR_CODES, hasErrno, IsoError } from '../lib/errors.js';
import { formatTable } from '../lib/text.js';
import { recordPlan } from '../setup/events.js';
import { formatPlan, formatSummary, planToJson } from '../setup/format-plans.js';
import type { Plan } from '../setup/step.js';
import { printError } from './main.js';
import { writeOut } from './write-out.js';

export interface SetupCliOptions {
  dryRun?: boolean;
  check?: boolean;
  json?: boolean;
  root?: string;
  purge?: boolean;
  all?: boolean;
  repair?: boolean;
  from?: string;
}

/** As `terraform plan -detailed-exitcode`: 1 would be told apart from an uncaught error by nobody. */
const EXIT_DRIFT = 2;

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

const isDry = (options: SetupCliOptions) => options.dryRun === true || options.check === true;

function toError({ code, what, why, hint }: NonNullable<Plan['error']>): IsoError {
  return new IsoError(code, what, why, { hint });
}

/** Whoever asks for a list gets one, however long it turns out. */
const isList = ({ all, from }: SetupCliOptions) => all === true || from !== undefined;

function printPlans(plans: readonly Plan[], options: SetupCliOptions, subjectKey: string): void {
  const shown = plans.filter((plan) => plan.items.length > 0);
  if (options.json) {
    // A repair is of the two files, not of a user.
    const keyOf = ({ uid }: Plan) => (options.repair && uid === undefined ? 'files' : subjectKey);
    const [only] = plans;
    const value =
      plans.length === 1 && only && !isList(options)
        ? planToJson(only, keyOf(only))
        : { users: plans.map((plan) => planToJson(plan, keyOf(plan))) };
    writeOut(`${JSON.stringify(value)}\n`);
    return;
  }
  for (const plan of shown) writeOut(`${formatPlan(plan)}\n\n`);
  if (shown.length > 0) writeOut(`${formatSummary(plans)}${isDry(options) ? '; nothing was changed' : ''}\n`);
}

/** The first error decides; under --check what is not as declared counts too. */
function exitStatus(plans: readonly Plan[], options: SetupCliOptions): number {
  const error = plans.find((plan) => plan.error)?.error;
  if (error) return ERROR_CODES[error.code].exit;
  const differs = plans.some((plan) => plan.items.some(({ state }) => state === 'todo' || state === 'drift'));
  return options.check && differs ? EXIT_DRIFT : 0;
}

function record(plans: readonly Plan[], options: SetupCliOptions, action: 'setup.apply' | 'setup.remove'): void {
  // Another root directory is not this host, and a dry run is no deed; a refusal is worth a line either way.
  if (options.root !== undefined) return;
  const worth = isDry(options) ? plans.filter((plan) => plan.error?.code === 'user.refused') : plans;
  if (!worth.every((plan) => recordPlan(plan, action))) {
    process.stderr.write('iso-setup: the audit trail could not be written\n');
  }
}

function finish(
  plans: readonly Plan[],
  options: SetupCliOptions,
  action: 'setup.apply' | 'setup.remove',
  key = 'user',
): void {
  record(plans, options, action);
  printPlans(plans, options, key);
  for (const { error } of plans) if (error && !options.json) printError('iso-setup', toError(error), false);
  process.exitCode = exitStatus(plans, options);
}

/** A failure before there was a plan is recorded as well, then told as every error is. */
async function planOf(subject: string, options: SetupCliOptions, make: () => Promise<Plan>): Promise<Plan> {
  try {
    return await make();
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    record([{ subject, items: [], error: error.toJSON() }], options, 'setup.apply');
    throw error;
  }
}

async function namesOf(root: string, given: readonly string[], options: SetupCliOptions): Promise<string[]> {
  if (given.length === 0 && !isList(options)) {
    if (options.repair) return [];
    throw new IsoError('usage.invalid', 'cannot tell whom to set up', 'give login names, --all or --from FILE');
  }
  const { selectUsers } = await import('../setup/select-users.js');
  return selectUsers(root, { names: given, all: options.all === true, from: options.from });
}

async function repairFiles(root: string, options: SetupCliOptions) {
  const { repairRanges } = await import('../setup/repair-ranges.js');
  let lines: Awaited<ReturnType<typeof repairRanges>>['lines'] | undefined;
  const plan = await planOf('subordinate ids', options, async () => {
    const made = await repairRanges(root, { dryRun: isDry(options) });
    lines = made.lines;
    return made.plan;
  });
  return { plan, lines };
}

export async function setUpUsers(given: readonly string[], options: SetupCliOptions): Promise<void> {
  const { provisionUsers } = await import('../setup/provision-users.js');
  const root = rootOf(options);
  const names = await namesOf(root, given, options);
  const dryRun = isDry(options);
  const repair = options.repair ? await repairFiles(root, options) : undefined;
  if (names.length === 0 && !repair && !options.json) writeOut(`${NOBODY}\n`);
  const plans = names.length === 0 ? [] : await provisionUsers(names, { root, dryRun, repair: repair?.lines });
  finish(repair ? [repair.plan, ...plans] : plans, options, 'setup.apply');
}

export async function setUpSystem(options: SetupCliOptions): Promise<void> {
  const { provisionHost } = await import('../setup/provision-host.js');
  const root = rootOf(options);
  if (process.geteuid?.() !== 0 && !isDry(options)) {
    throw new IsoError('permission.denied', 'cannot set up the host', 'only root can', {
      hint: 'run `sudo iso-setup system`',
    });
  }
  finish(
    [await planOf('host', options, () => provisionHost({ root, dryRun: isDry(options) }))],
    options,
    'setup.apply',
    'host',
  );
}

const formatRanges = (ranges: readonly { start: number; count: number }[]) =>
  ranges.map(({ start, count }) => `${start}:${count}`).join(' ') || 'none';

export async function showStatus(name: string | undefined, options: { json?: boolean }): Promise<void> {
  const { readStatus } = await import('../setup/read-status.js');
  const users = await readStatus(name);
  if (options.json) {
    writeOut(`${JSON.stringify({ users })}\n`);
    return;
  }
  const rows = users.map(({ user, uid, provisioned, uids, gids, home }) => [
    user,
    String(uid),
    provisioned ? 'yes' : 'no',
    formatRanges(uids),
    formatRanges(gids),
    home,
  ]);
  writeOut(`${formatTable(['USER', 'UID', 'PROVISIONED', 'UIDS', 'GIDS', 'HOME'], rows)}\n`);
}

export async function removeOne(name: string, options: SetupCliOptions): Promise<void> {
  const { removeUser } = await import('../setup/remove-user.js');
  const settings = { root: rootOf(options), dryRun: isDry(options), purge: options.purge === true };
  finish([await planOf(name, options, () => removeUser(name, settings))], options, 'setup.remove');
}
