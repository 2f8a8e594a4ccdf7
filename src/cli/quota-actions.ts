/** What `iso-setup quota` does: call, print, choose the exit status. */
import { IsoError } from '../lib/errors.js';
import { escapeControl, formatTable } from '../lib/text.js';
import { formatSize } from '../lib/units.js';
import { percentUsed } from '../setup/plan-sample.js';
import { parseQuotaInodes, parseQuotaSize, type QuotaChange } from '../setup/plan-set-quota.js';
import { recordQuotaPlan } from '../setup/quota-events.js';
import type { QuotaUser } from '../setup/quota-targets.js';
import type { QuotaTask } from '../setup/set-quota.js';
import { isDry, printerOf, type SetupCliOptions } from './setup-actions.js';
import { writeOut } from './write-out.js';

export interface QuotaCliOptions extends SetupCliOptions {
  set?: string;
  inodes?: string;
  force?: boolean;
  repair?: boolean;
  sample?: boolean;
}

function changeOf({ set, inodes }: QuotaCliOptions): QuotaChange | undefined {
  if (set === undefined && inodes === undefined) return undefined;
  return {
    ...(set === undefined ? {} : { size: parseQuotaSize(set) }),
    ...(inodes === undefined ? {} : { inodes: parseQuotaInodes(inodes) }),
  };
}

const usage = (why: string, hint?: string) =>
  new IsoError('usage.invalid', 'cannot use these arguments', why, { hint });

/** One thing at a time. @throws IsoError usage.invalid */
function taskOf(names: readonly string[], options: QuotaCliOptions): QuotaTask | 'sample' | undefined {
  const change = changeOf(options);
  const asked = [
    change && '--set',
    options.check && '--check',
    options.repair && '--repair',
    options.sample && '--sample',
  ];
  const given = asked.filter((one) => typeof one === 'string');
  if (given.length > 1) throw usage(`${given.join(' and ')} cannot go together`);
  if (options.force && !change) throw usage('--force goes with --set or --inodes');
  if (options.sample && (names.length > 0 || options.dryRun))
    throw usage('--sample looks at all users and stands alone');
  if (change && names.length === 0) {
    throw usage('--set and --inodes need the names of users', 'for everybody, set quota.size in /etc/iso/policy.toml');
  }
  if (options.sample) return 'sample';
  if (change) return { kind: 'set', change, force: options.force ?? false };
  if (options.repair) return { kind: 'repair' };
  return options.check ? { kind: 'check' } : undefined;
}

function toJson(user: QuotaUser): object {
  const { name, uid, target } = user;
  if (!target) return { user: name, uid, why: user.why };
  const { project, quota, declared } = target;
  return { user: name, uid, project, ...quota, percent: percentUsed(quota), declared: declared ?? null };
}

function toRow(user: QuotaUser): string[] {
  if (!user.target) return [user.name, '-', '-', '-', '-', '-', '-', user.why];
  const { quota, declared } = user.target;
  const size = (bytes: number) => (bytes === 0 ? 'none' : formatSize(bytes));
  const files = quota.softInodes === 0 ? 'none' : String(quota.softInodes);
  const percent = percentUsed(quota);
  const notes = [declared ? 'set by iso-setup quota' : 'set by the policy', percent > 100 ? 'inside the reserve' : ''];
  return [
    user.name,
    formatSize(quota.usedBytes),
    size(quota.softBytes),
    size(quota.hardBytes),
    `${percent}%`,
    String(quota.usedInodes),
    files,
    notes.filter(Boolean).join(', '),
  ];
}

const HEADER = ['USER', 'USED', 'LIMIT', 'HARD', 'USE', 'FILES', 'FILE LIMIT', 'NOTE'];

async function show(names: readonly string[], json: boolean): Promise<void> {
  const { readQuotaUsers } = await import('../setup/quota-targets.js');
  const users = await readQuotaUsers(names);
  writeOut(json ? `${JSON.stringify({ users: users.map(toJson) })}\n` : `${formatTable(HEADER, users.map(toRow))}\n`);
}

const NOT_STORED = 'iso-setup: the audit trail could not be written\n';

async function sample(json: boolean): Promise<void> {
  const { sampleQuotas } = await import('../setup/sample-quota.js');
  const { events, users, unread, stored } = await sampleQuotas(Math.floor(Date.now() / 1000));
  if (json) writeOut(`${JSON.stringify({ users, unread, events })}\n`);
  else for (const { message } of events) writeOut(`${message}\n`);
  // In the journal a quota that nobody looks at must not pass for one with room.
  for (const { name, why } of unread)
    process.stderr.write(`iso-setup: the quota of ${name} is not known: ${escapeControl(why)}\n`);
  if (!stored) process.stderr.write(NOT_STORED);
}

export async function quota(names: readonly string[], options: QuotaCliOptions): Promise<void> {
  const json = options.json === true;
  const task = taskOf(names, options);
  if (task === undefined) return show(names, json);
  if (task === 'sample') return sample(json);
  const { workOnQuotas } = await import('../setup/set-quota.js');
  // The trail gets to know more of a quota than that steps were done: see recordQuotaPlan.
  const many = new Set(names).size === 1 ? undefined : names.length;
  const printer = printerOf(options, { many, isVerbose: true, isHost: false });
  const plans = await workOnQuotas(names, task, { dryRun: isDry(options), tell: printer.tell });
  if (!options.dryRun && !plans.map(recordQuotaPlan).every(Boolean)) process.stderr.write(NOT_STORED);
  for (const plan of plans) printer.report(plan);
  printer.end();
}
