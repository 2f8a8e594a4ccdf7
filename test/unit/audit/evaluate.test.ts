import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Evidence, evaluate, type Finding, type Target } from '../../../src/audit/evaluate.js';
import type { Rule } from '../../../src/audit/rule.js';
import { DEFAULT_POLICY, type Policy } from '../../../src/policy/policy.js';
import { mergePolicy } from '../../../src/policy/read-policy.js';

interface Case {
  rule: Partial<Rule> & Pick<Rule, 'check'>;
  policy?: Record<string, unknown>;
  facts: Target['facts'];
  result: Finding['result'];
  evidence?: Partial<Evidence>[];
}

const folder = join(import.meta.dirname, 'cases');
const cases = readdirSync(folder).map(
  (name) => [name.replace('.json', ''), JSON.parse(readFileSync(join(folder, name), 'utf8')) as Case] as const,
);

const base: Omit<Rule, 'check'> = {
  id: 'X01',
  title: 'A title',
  rationale: 'A reason.',
  severity: 'high',
  references: ['capabilities(7)'],
  scope: 'host',
  strength: 'hard',
  remediation: { text: 'Do this for {user}.', command: 'iso-setup user {user}' },
};

test.each(cases)('%s', (_name, { rule, policy = {}, facts, result, evidence }) => {
  const merged = mergePolicy(structuredClone(DEFAULT_POLICY) as never, policy) as unknown as Policy;
  const findings = evaluate([{ ...base, ...rule }], [{ scope: 'host', name: 'host', facts }], merged);
  expect(findings.map((finding) => finding.result)).toEqual([result]);
  if (evidence) expect(findings[0]?.evidence).toMatchObject(evidence);
});

test('a rule is judged on every target of its scope, in order, and its remediation names the user', () => {
  const rule: Rule = { ...base, scope: 'user', check: [{ probe: 'home.faults', op: 'empty' }] };
  const target = (name: string, scope: Target['scope'] = 'user'): Target => ({
    scope,
    name,
    user: name,
    facts: { 'home.faults': { kind: 'measured', value: [] } },
  });
  const found = evaluate(
    [rule],
    [target('host', 'host'), target('bob'), target('$&'), target('alice')],
    DEFAULT_POLICY,
  );
  expect(found.map((finding) => finding.target)).toEqual(['bob', '$&', 'alice']);
  expect(found.map((finding) => finding.remediation.command)).toEqual([
    'iso-setup user bob',
    'iso-setup user $&',
    'iso-setup user alice',
  ]);
});
