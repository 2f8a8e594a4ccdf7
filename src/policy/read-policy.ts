/** Reads and validates `/etc/iso/policy.toml` and `/etc/iso/policy.d/*.toml`, in that order, over the defaults. */
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { validatePolicy } from '../generated/validators.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { DEFAULT_POLICY, type Policy } from './policy.js';

const MAX_POLICY_BYTES = 256 * 1024;

type Table = Record<string, unknown>;

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep merge of tables; lists and plain values replace. Pure. */
export function mergePolicy(base: Table, over: Table): Table {
  const merged: Table = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    merged[key] = isTable(below) && isTable(value) ? mergePolicy(below, value) : value;
  }
  return merged;
}

/** Validates a merged table; every problem is named at once. Pure. */
export function checkPolicy(table: Table, source: string): Policy {
  if (!validatePolicy(table)) {
    const problems = (validatePolicy.errors ?? []).map((e) => `${e.instancePath.slice(1) || 'policy'} ${e.message}`);
    throw new IsoError('policy.invalid', `cannot use the policy in ${source}`, problems.join('; '));
  }
  const policy = table as unknown as Policy;
  if (policy.subids.min + policy.subids.count - 1 > policy.subids.max) {
    throw new IsoError(
      'policy.invalid',
      `cannot use the policy in ${source}`,
      'subids.min..max holds not even one range',
    );
  }
  return policy;
}

function policyFiles(etc: string): string[] {
  const drop = join(etc, 'policy.d');
  let entries: Dirent[] = [];
  try {
    entries = readdirSync(drop, { withFileTypes: true });
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  const named = entries.filter((entry) => entry.name.endsWith('.toml')).map((entry) => join(drop, entry.name));
  return [join(etc, 'policy.toml'), ...named.sort()];
}

async function readTable(file: string): Promise<Table | undefined> {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > MAX_POLICY_BYTES) {
      throw new IsoError(
        'policy.invalid',
        `cannot read ${file}`,
        `it is not a regular file of at most ${MAX_POLICY_BYTES} bytes`,
      );
    }
    const { parse } = await import('smol-toml');
    return parse(readFileSync(file, 'utf8')) as Table;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    if (error instanceof IsoError) throw error;
    const why = error instanceof Error ? error.message.trim() : String(error);
    throw new IsoError('policy.invalid', `cannot read ${file}`, why, { cause: error });
  }
}

/** The policy in force under `etc` (`/etc/iso`). @throws IsoError policy.invalid naming the file and every problem. */
export async function readPolicy(etc = '/etc/iso'): Promise<Policy> {
  let table: Table = structuredClone(DEFAULT_POLICY) as unknown as Table;
  const used: string[] = [];
  for (const file of policyFiles(etc)) {
    const over = await readTable(file);
    if (over === undefined) continue;
    used.push(file);
    table = mergePolicy(table, over);
  }
  return checkPolicy(table, used.join(', ') || 'the built-in defaults');
}
