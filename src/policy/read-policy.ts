/** Reads and validates `/etc/iso/policy.toml` and `/etc/iso/policy.d/*.toml`, in that order, over the defaults. */
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject } from 'ajv';
import { validatePolicy } from '../generated/validators.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { DEFAULT_POLICY, type Policy } from './policy.js';
import { directoryFault, readTrustedFile } from './trusted-file.js';

const MAX_POLICY_BYTES = 256 * 1024;

type Table = Record<string, unknown>;

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep merge of tables; lists and plain values replace. Pure. */
export function mergePolicy(base: Table, over: Table): Table {
  const replaced = Object.entries(over).map(([key, value]) => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isTable(below) && isTable(value) ? mergePolicy(below, value) : value];
  });
  // Not by assignment, which takes `__proto__` for more than a key.
  return Object.fromEntries([...Object.entries(base), ...replaced]);
}

const PATTERNS = [
  ['run.capabilities', 'a capability such as CAP_CHOWN'],
  ['users.shells', 'the path of a shell such as /bin/bash'],
] as const;

/** What is wrong with one key, by its name in the file: `quota.size`. */
function problemOf({ instancePath, keyword, params, message }: ErrorObject): string {
  const key = instancePath.slice(1).replaceAll('/', '.');
  switch (keyword) {
    case 'additionalProperties':
      return `${key === '' ? '' : `${key}.`}${params.additionalProperty} is no key of the policy`;
    case 'pattern':
      return `${key} is not ${PATTERNS.find(([start]) => key.startsWith(start))?.[1] ?? 'a size such as 512M or 10G'}`;
    case 'enum':
      return `${key} is none of ${params.allowedValues.join(', ')}`;
    default:
      return `${key === '' ? 'the policy' : key} ${message}`;
  }
}

/** Validates a merged table; every problem is named at once. Pure. */
function checkPolicy(table: Table, source: string): Policy {
  if (!validatePolicy(table)) {
    const problems = (validatePolicy.errors ?? []).map(problemOf);
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

/** The files of the policy under `etc`, in their order; the first may be absent. @throws IsoError policy.invalid */
export function policyFiles(etc: string): string[] {
  const drop = join(etc, 'policy.d');
  for (const folder of [etc, drop]) {
    const fault = directoryFault(folder);
    if (fault !== undefined) throw new IsoError('policy.invalid', `cannot use the policy in ${folder}`, fault);
  }
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
    const found = readTrustedFile(file, MAX_POLICY_BYTES);
    if (found === undefined) return undefined;
    if ('fault' in found) throw new IsoError('policy.invalid', `cannot read ${file}`, found.fault);
    const { parse } = await import('smol-toml');
    return parse(found.text) as Table;
  } catch (error) {
    if (error instanceof IsoError || (error instanceof Error && 'syscall' in error)) throw error;
    // The parser's message goes on with a picture of the lines around.
    const [why = ''] = String(error instanceof Error ? error.message : error).split('\n');
    const line = error instanceof Error && 'line' in error ? ` in line ${error.line}` : '';
    throw new IsoError('policy.invalid', `cannot read ${file}`, `${why}${line}`, { cause: error });
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
