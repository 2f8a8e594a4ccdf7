/** Reads the rules from disk. Whoever can write a rule decides what the report calls good, so loose files are refused. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import { trustFault } from '../policy/trusted-file.js';
import { parseRule } from './parse-rule.js';
import type { Rule } from './rule.js';

const MAX_RULE_BYTES = 64 * 2 ** 10;

function readRule(file: string, name: string, euid: number): { rule: Rule } | { problems: string[] } {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    const fault = trustFault(stat, 'file', euid);
    if (fault !== undefined) return { problems: [fault] };
    if (stat.size > MAX_RULE_BYTES) return { problems: [`it has more than ${MAX_RULE_BYTES} bytes`] };
    return parseRule(readFileSync(fd, 'utf8'), name);
  } finally {
    closeSync(fd);
  }
}

function requireTrusted(directory: string, euid: number): void {
  let fault: string | undefined;
  try {
    fault = trustFault(lstatSync(directory), 'directory', euid);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    fault = 'it does not exist';
  }
  if (fault !== undefined) throw new IsoError('rule.invalid', `cannot use the rules in ${directory}`, fault);
}

/**
 * All rules below `directory` (one folder an area), by id. `euid` is the user who reads.
 * @throws IsoError rule.invalid for a directory that others could change, or naming every file that cannot be used
 */
export function loadRules(directory: string, euid = process.geteuid?.() ?? 0): Rule[] {
  requireTrusted(directory, euid);
  const rules = new Map<string, Rule>();
  const problems: string[] = [];
  for (const area of readdirSync(directory).sort()) {
    requireTrusted(join(directory, area), euid);
    for (const name of readdirSync(join(directory, area)).sort()) {
      const found = readNamed(join(directory, area, name), name, euid);
      const at = `${area}/${name}`;
      if ('problems' in found) problems.push(...found.problems.map((problem) => `${at}: ${problem}`));
      else if (rules.has(found.rule.id)) problems.push(`${at}: another rule has the id ${found.rule.id}`);
      else rules.set(found.rule.id, found.rule);
    }
  }
  if (problems.length > 0) {
    throw new IsoError('rule.invalid', `cannot use the rules in ${directory}`, problems.join('; '));
  }
  return [...rules.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function readNamed(file: string, name: string, euid: number): { rule: Rule } | { problems: string[] } {
  if (!name.endsWith('.json')) return { problems: ['only .json files belong here'] };
  try {
    return readRule(file, name, euid);
  } catch (error) {
    if (hasErrno(error, 'ELOOP')) return { problems: ['it is a symbolic link'] };
    throw error;
  }
}
