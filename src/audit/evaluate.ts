/** Rules and evidence to findings. Pure: the same declarations that iso-setup works from, against facts already read. */
import type { Fact, FactValue } from '../facts/fact.js';
import type { Policy } from '../policy/policy.js';
import { acceptedSettings, isSet, policyValue } from './declared.js';
import { probeKey } from './probes.js';
import type { Condition, Op, Rule, Scope, Severity } from './rule.js';

/** XCCDF's words. `unknown`: it could not be seen; it is never a pass. */
export const RESULTS = ['pass', 'fail', 'error', 'unknown', 'notapplicable'] as const;
export type Result = (typeof RESULTS)[number];

/** What a rule is judged on: the host, a user or a container, and the facts about it by `probeKey`. */
export interface Target {
  scope: Scope;
  /** `host`, the user's name, or `USER/NAME` of a container. */
  name: string;
  /** The user whom a remediation is about. */
  user?: string;
  facts: Readonly<Record<string, Fact>>;
}

export interface Evidence {
  probe: string;
  result: Result;
  op: Op;
  expected?: FactValue;
  /** The policy key that the expectation came from. */
  policy?: string;
  /** What was measured… */
  value?: FactValue;
  /** …or why it could not be. */
  why?: string;
}

export interface Finding {
  rule: string;
  title: string;
  severity: Severity;
  strength: Rule['strength'];
  scope: Scope;
  target: string;
  result: Result;
  evidence: Evidence[];
  remediation: Rule['remediation'];
}

const isList = (value: FactValue): value is readonly string[] => Array.isArray(value);
const numbers = (a: FactValue, b: FactValue) => typeof a === 'number' && typeof b === 'number';

function same(a: FactValue, b: FactValue): boolean {
  return isList(a) && isList(b) ? a.length === b.length && a.every((item, index) => item === b[index]) : a === b;
}

/** Undefined: the operator cannot compare such values, which is an error of the rule and no failure of the host. */
const COMPARE = {
  equals: (a, b) => (typeof a === typeof b ? same(a, b) : undefined),
  // `max` against a number differs, whatever their types are.
  'not-equals': (a, b) => !same(a, b),
  'at-least': (a, b) => (numbers(a, b) ? a >= b : undefined),
  'at-most': (a, b) => (numbers(a, b) ? a <= b : undefined),
  'one-of': (a, b) => (isList(b) && !isList(a) ? b.includes(String(a)) : undefined),
  subset: (a, b) => (isList(a) && isList(b) ? a.every((item) => b.includes(item)) : undefined),
  empty: (a) => (isList(a) || typeof a === 'string' ? a.length === 0 : undefined),
  'not-empty': (a) => (isList(a) || typeof a === 'string' ? a.length > 0 : undefined),
} satisfies Record<Op, (value: FactValue, expected: FactValue) => boolean | undefined>;

function resultOfAbsence(condition: Condition, policy: Policy): Result {
  if (condition.absent === undefined) return 'notapplicable';
  if (condition.absent === 'fail') return 'fail';
  const { policy: key, equals } = condition.absent.failWhen;
  return policyValue(policy, key) === equals ? 'fail' : 'notapplicable';
}

function judge(condition: Condition, fact: Fact, expected: FactValue | undefined, policy: Policy): Result {
  switch (fact.kind) {
    case 'measured': {
      const holds = COMPARE[condition.op](fact.value, expected ?? '');
      return holds === undefined ? 'error' : holds ? 'pass' : 'fail';
    }
    case 'absent':
      return resultOfAbsence(condition, policy);
    case 'denied':
      return 'unknown';
    case 'gone':
      return 'notapplicable';
    case 'failed':
      return 'error';
    default:
      return fact satisfies never;
  }
}

function resolveExpected(wanted: Condition['expected'], policy: Policy): FactValue | undefined {
  if (typeof wanted !== 'object') return wanted;
  if ('policy' in wanted) return policyValue(policy, wanted.policy);
  return 'setting' in wanted ? acceptedSettings(wanted.setting) : wanted;
}

function examine(condition: Condition, target: Target, policy: Policy): Evidence {
  const probe = probeKey(condition.probe, condition.argument);
  const fact: Fact = target.facts[probe] ?? { kind: 'failed', why: 'it was not measured' };
  const { expected: wanted } = condition;
  const key = typeof wanted === 'object' && 'policy' in wanted ? wanted.policy : undefined;
  const expected = resolveExpected(wanted, policy);
  const result = judge(condition, fact, expected, policy);
  const mismatch = fact.kind === 'measured' && result === 'error';
  return {
    probe,
    result,
    op: condition.op,
    ...(expected === undefined ? {} : { expected }),
    ...(key === undefined ? {} : { policy: key }),
    ...(fact.kind === 'measured' ? { value: fact.value } : { why: fact.why }),
    ...(mismatch ? { why: `${condition.op} cannot compare what was measured` } : {}),
  };
}

/**
 * The worst of its conditions. A target that ended in the midst of the measurement makes the whole rule not applicable,
 * so that half a measurement never passes; a condition that the host has no feature for leaves the others to decide.
 */
function combine(evidence: readonly Evidence[], target: Target): Result {
  const results = evidence.map(({ result }) => result);
  for (const worst of ['fail', 'error', 'unknown'] as const) if (results.includes(worst)) return worst;
  const ended = evidence.some(({ probe }) => target.facts[probe]?.kind === 'gone');
  return !ended && results.includes('pass') ? 'pass' : 'notapplicable';
}

/** `{user}` in a remediation is the user it is for. */
function addressed({ text, command }: Rule['remediation'], { user = 'NAME' }: Target): Rule['remediation'] {
  const fill = (template: string) => template.replaceAll('{user}', () => user);
  return { text: fill(text), ...(command === undefined ? {} : { command: fill(command) }) };
}

function evaluateRule(rule: Rule, target: Target, policy: Policy): Finding {
  const { id, title, severity, strength, scope } = rule;
  const remediation = addressed(rule.remediation, target);
  const base = { rule: id, title, severity, strength, scope, target: target.name, remediation };
  if (rule.applies) {
    const key = rule.applies.policy;
    const value = policyValue(policy, key);
    if (value === undefined || !isSet(value)) {
      const [first] = rule.check;
      const probe = first ? probeKey(first.probe, first.argument) : key;
      const why = `the policy sets no ${key}`;
      const op = first?.op ?? 'equals';
      return { ...base, result: 'notapplicable', evidence: [{ probe, result: 'notapplicable', op, policy: key, why }] };
    }
  }
  const evidence = rule.check.map((condition) => examine(condition, target, policy));
  return { ...base, result: combine(evidence, target), evidence };
}

/** One finding for each rule on each target of its scope: targets in the order given, rules by id. */
export function evaluate(rules: readonly Rule[], targets: readonly Target[], policy: Policy): Finding[] {
  const ordered = [...rules].sort((a, b) => (a.id < b.id ? -1 : 1));
  return targets.flatMap((target) =>
    ordered.filter((rule) => rule.scope === target.scope).map((rule) => evaluateRule(rule, target, policy)),
  );
}
