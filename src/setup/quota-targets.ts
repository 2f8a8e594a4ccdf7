/** The users of `iso-setup quota`: whose tree has a project, what is used and allowed, and why nothing is limited elsewhere. */

import { findAccount, readAccountFiles } from '../facts/accounts.js';
import { homeUser } from '../facts/home.js';
import { readHomeQuota } from '../facts/home-quota.js';
import { projectName } from '../facts/project-lines.js';
import { type Account, lookUpAccounts, readProvisionedUsers, readUidRanges } from '../facts/provisioned.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { type Homes, withHomes } from '../sys/home.js';
import { recordedId } from './plan-project.js';
import type { QuotaTarget } from './plan-set-quota.js';
import { readRegister } from './project-files.js';
import { declaredFor } from './quota-state.js';
import { type QuotaRegister, readQuotaRegister } from './read-quota.js';

/** A user with the quota, or why there is none. */
export type QuotaUser = { name: string; uid: number } & ({ target: QuotaTarget } | { target: undefined; why: string });

const ROOT = '/';

async function readTarget(homes: Homes, register: QuotaRegister, account: Account): Promise<QuotaUser> {
  const { name, uid } = account;
  const none = (why: string): QuotaUser => ({ name, uid, target: undefined, why });
  const { home } = (await homes.enter(homeUser(ROOT, account, []), [])).user;
  const project = recordedId(register.projects, name);
  const quotas = await readHomeQuota(home, project === undefined ? [] : [project]);
  if (quotas.why !== undefined) return none(quotas.why);
  if (project === undefined) return none(`the container tree has no quota project: run \`iso-setup user ${name}\``);
  const target = {
    root: ROOT,
    name,
    uid,
    home,
    project,
    quota: quotas.of.get(project) ?? quotas.none,
    declared: declaredFor(register.declared, account),
    uids: readUidRanges(account),
  };
  return { name, uid, target };
}

/** A home that is broken or gone is one line of the list, not the end of it. */
async function readUser(homes: Homes, register: QuotaRegister, account: Account): Promise<QuotaUser> {
  try {
    return await readTarget(homes, register, account);
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    return { name: account.name, uid: account.uid, target: undefined, why: `${error.what}: ${error.why}` };
  }
}

function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new IsoError('permission.denied', 'cannot read quotas of projects', 'only root can', {
    hint: 'see your own with `df -h ~/.local/share/containers`',
  });
}

async function readAll(accounts: readonly Account[]): Promise<QuotaUser[]> {
  const register = readQuotaRegister(ROOT, true);
  return withHomes((homes) => Promise.all(accounts.map((account) => readUser(homes, register, account))));
}

/** Everybody whose tree has a project in the toolkit's own register and whose account exists. @throws IsoError permission.denied */
export async function readRecordedUsers(): Promise<QuotaUser[]> {
  requireRoot();
  const { ours } = readRegister(ROOT, true);
  const prefix = projectName('');
  const names = [...ours.projid.byHolder.keys()].map((holder) => holder.slice(prefix.length));
  // Most are in the host's own file; only the others are worth asking for.
  const { byName } = readAccountFiles(ROOT);
  const others = names.filter((name) => !byName.has(name));
  const found = others.length === 0 ? [] : await lookUpAccounts(others);
  return readAll([...names.flatMap((name) => byName.get(name) ?? []), ...found]);
}

/** The named users, or without names all provisioned ones by uid. @throws IsoError permission.denied, user.unknown */
export async function readQuotaUsers(names: readonly string[]): Promise<QuotaUser[]> {
  requireRoot();
  const files = readAccountFiles(ROOT);
  const accounts: Account[] = [];
  for (const name of new Set(names)) accounts.push(await findAccount(files, name));
  return readAll(names.length > 0 ? accounts : await readProvisionedUsers());
}
