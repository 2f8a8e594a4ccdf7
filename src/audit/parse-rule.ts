/** The text of a rule file to a rule, with every problem named. Pure. */
import { validateRule } from '../generated/validators.js';
import { DEFAULT_POLICY } from '../policy/policy.js';
import { acceptedSettings, policyValue } from './declared.js';
import { PROBES } from './probes.js';
import type { Condition, Rule } from './rule.js';

function policyKeys(rule: Rule): string[] {
  const ofCondition = ({ expected, absent }: Condition) => [
    ...(typeof expected === 'object' && 'policy' in expected ? [expected.policy] : []),
    ...(typeof absent === 'object' ? [absent.failWhen.policy] : []),
  ];
  return [...(rule.applies ? [rule.applies.policy] : []), ...rule.check.flatMap(ofCondition)];
}

function conditionProblems(rule: Rule, condition: Condition, index: number): string[] {
  const at = `check.${index}`;
  const probes: Record<string, RegExp> = PROBES[rule.scope];
  const known = Object.hasOwn(probes, condition.probe) ? probes[condition.probe] : undefined;
  const problems: string[] = [];
  if (!known) problems.push(`${at}.probe '${condition.probe}' is not one of a ${rule.scope}`);
  else if (!known.test(condition.argument ?? '')) problems.push(`${at}.argument does not fit ${condition.probe}`);
  const alone = condition.op === 'empty' || condition.op === 'not-empty';
  if (alone && condition.expected !== undefined) problems.push(`${at}.expected has no meaning with ${condition.op}`);
  if (!alone && condition.expected === undefined) problems.push(`${at}.expected is missing`);
  const { expected } = condition;
  if (typeof expected === 'object' && 'setting' in expected && acceptedSettings(expected.setting) === undefined) {
    problems.push(`${at}.expected: the baseline has no setting '${expected.setting}'`);
  }
  return problems;
}

/** `name` is the file's name, which must begin with the rule's id. */
export function parseRule(text: string, name: string): { rule: Rule } | { problems: string[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : 'it is not JSON'] };
  }
  if (!validateRule(value)) {
    const problems = (validateRule.errors ?? []).map((e) => `${e.instancePath.slice(1) || 'rule'} ${e.message}`);
    return { problems: [...new Set(problems)] };
  }
  const rule = value as Rule;
  const problems = rule.check.flatMap((condition, index) => conditionProblems(rule, condition, index));
  if (!name.startsWith(`${rule.id}-`)) problems.push(`the file's name does not begin with '${rule.id}-'`);
  for (const key of policyKeys(rule)) {
    if (policyValue(DEFAULT_POLICY, key) === undefined) problems.push(`the policy has no key '${key}'`);
  }
  return problems.length > 0 ? { problems } : { rule };
}
