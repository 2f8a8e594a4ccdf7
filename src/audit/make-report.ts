/** From the rules on disk to the finished report. */
import { hostname } from 'node:os';
import { lazyPidsByNamespace } from '../facts/processes.js';
import {
  lookUpAccounts,
  type ProvisionedUser,
  readOwnAccount,
  readProvisionedUser,
  readProvisionedUsers,
} from '../facts/provisioned.js';
import { IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { collectHost, collectUser } from './collect.js';
import { evaluate } from './evaluate.js';
import { loadRules } from './load-rules.js';
import { createReport, type Report } from './report.js';

interface ReportOptions {
  /** `audit-rules/checks` of the installation. */
  rules: string;
  policy: Policy;
  /** The trail's directory. */
  trail: string;
  version: string;
  /** Only this user and the user's containers. */
  user?: string;
}

interface Selected {
  host: boolean;
  users: ProvisionedUser[];
  limits: string[];
}

async function findUser(name: string): Promise<ProvisionedUser> {
  const [account] = await lookUpAccounts([name]);
  if (!account) throw new IsoError('user.unknown', `cannot report on ${name}`, 'there is no such user');
  const own = process.geteuid?.() ?? 0;
  if (own !== 0 && own !== account.uid) {
    const options = { hint: 'run it as root, or leave out --user' };
    throw new IsoError('permission.denied', `cannot report on ${name}`, 'only root may look into other homes', options);
  }
  const user = await readProvisionedUser(account);
  if (user) return user;
  const options = { hint: `run \`iso-setup user ${account.name}\` as root` };
  const why = 'the user has no subordinate ids or no container tree';
  throw new IsoError('user.not-provisioned', `cannot report on ${name}`, why, options);
}

/** Root looks at everybody, others at the host and themselves. */
async function select(name: string | undefined): Promise<Selected> {
  if (name !== undefined) return { host: false, users: [await findUser(name)], limits: [] };
  if (process.geteuid?.() === 0) return { host: true, users: await readProvisionedUsers(), limits: [] };
  const account = readOwnAccount();
  const own = await readProvisionedUser(account);
  const limits = ['other users and their containers were not looked at: run it as root'];
  if (!own)
    limits.push(`${account.name} is not provisioned: ask the administrator to run iso-setup user ${account.name}`);
  return { host: true, users: own ? [own] : [], limits };
}

/** @throws IsoError rule.invalid, user.unknown, user.not-provisioned, permission.denied */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const rules = loadRules(options.rules);
  const { host, users, limits } = await select(options.user);
  const pids = lazyPidsByNamespace();
  const targets = [
    ...(host ? [collectHost(rules, options.trail)] : []),
    ...users.flatMap((user) => collectUser(rules, user, pids)),
  ];
  const from = { time: new Date().toISOString(), host: hostname(), version: options.version, limits };
  return createReport(from, evaluate(rules, targets, options.policy));
}
