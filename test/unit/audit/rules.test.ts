import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseRule } from '../../../src/audit/parse-rule.js';
import { PROBES, probeKey } from '../../../src/audit/probes.js';
import { SETTINGS } from '../../../src/setup/desired-host.js';

const folder = join(import.meta.dirname, '../../../audit-rules/checks');
// Not by loadRules: it refuses what a working copy may be, files of somebody else or writable by a group.
const rules = readdirSync(folder)
  .flatMap((area) => readdirSync(join(folder, area)).map((name) => ({ name, file: join(folder, area, name) })))
  .map(({ name, file }) => {
    const parsed = parseRule(readFileSync(file, 'utf8'), name);
    if ('problems' in parsed) throw new Error(`${name}: ${parsed.problems.join('; ')}`);
    return parsed.rule;
  })
  .sort((a, b) => (a.id < b.id ? -1 : 1));

test('no two rules have one id', () => {
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
});

test('the rules are those of the golden file', async () => {
  const lines = rules.map((rule) => {
    const check = rule.check.map(({ probe, argument, op, expected }) => {
      const wanted = expected === undefined ? '' : ` ${JSON.stringify(expected)}`;
      return `    ${probeKey(probe, argument)} ${op}${wanted}`;
    });
    const head = `${rule.id} ${rule.severity} ${rule.scope} ${rule.strength}: ${rule.title}`;
    return [head, ...check].join('\n');
  });
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('rules.golden');
});

test.each(rules.map((rule) => [rule.id, rule] as const))('%s says why it matters and what to do', (_id, rule) => {
  expect(rule.rationale.length).toBeGreaterThan(40);
  expect(rule.remediation.text.length).toBeGreaterThan(20);
  // A command for people must not be one that does something else when a name holds a blank.
  expect(rule.remediation.command ?? '').not.toMatch(/[`$;|]/);
});

test('every probe is asked for by a rule', () => {
  const asked = new Set<string>(rules.flatMap((rule) => rule.check.map(({ probe }) => probe)));
  const offered = Object.values(PROBES).flatMap((probes) => Object.keys(probes));
  expect(offered.filter((probe) => !asked.has(probe))).toEqual([]);
});

test('every kernel setting that iso-setup makes is checked', () => {
  const checked = rules.flatMap((rule) => rule.check.map(({ argument }) => argument));
  expect(SETTINGS.filter(({ name }) => !checked.includes(name))).toEqual([]);
});
