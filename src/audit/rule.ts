/** A compliance rule, in XCCDF's words: its type and JSON schema. Rules are data in `audit-rules/checks`. Pure. */
import type { Schema } from 'ajv';
import type { FactValue } from '../facts/fact.js';
import type { ContainerProbe, HostProbe, UserProbe } from './probes.js';

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
const SCOPES = ['host', 'user', 'container'] as const;
export const OPS = ['equals', 'not-equals', 'at-least', 'at-most', 'one-of', 'subset', 'empty', 'not-empty'] as const;

export type Severity = (typeof SEVERITIES)[number];
export type Scope = (typeof SCOPES)[number];
export type Op = (typeof OPS)[number];

/**
 * A value in the rule itself, or where iso-setup and iso-run take their target from as well: a policy key, or the values
 * that the declared baseline accepts of a kernel setting.
 */
export type Expected = FactValue | { policy: string } | { setting: string };

/** One measurement and what it must be. */
export interface Condition {
  probe: HostProbe | UserProbe | ContainerProbe;
  /** Which one, where a probe measures several things of a kind: the name of a sysctl, a capability set. */
  argument?: string;
  op: Op;
  /** Left out with `empty` and `not-empty`. */
  expected?: Expected;
  /** What it means that the host lacks the feature: by default that the condition does not apply. */
  absent?: 'fail' | { failWhen: { policy: string; equals: string } };
}

export interface Rule {
  /** A letter for the area and two digits, for people to quote: `R05`. Never given to another rule. */
  id: string;
  title: string;
  rationale: string;
  severity: Severity;
  references: string[];
  scope: Scope;
  /** Whether the kernel or root-owned state holds it, or only the toolkit's own programs. */
  strength: 'hard' | 'guard-rail';
  /** The rule applies only where the policy sets this key to something (not 0, not empty). */
  applies?: { policy: string };
  /** All of them must hold. */
  check: Condition[];
  remediation: { text: string; command?: string };
}

const line = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength, pattern: '^[^\\n]*$' });
const policyKey = { type: 'string', pattern: '^[a-z]+(\\.[a-z_]+)+$' };
const scalars = [{ type: 'string', maxLength: 256 }, { type: 'number' }, { type: 'boolean' }];

function object(properties: Record<string, unknown>, required: readonly string[]): Record<string, unknown> {
  return { type: 'object', additionalProperties: false, required, properties };
}

const condition = object(
  {
    probe: { type: 'string', pattern: '^[a-z]+(\\.[a-z-]+)+$', maxLength: 64 },
    argument: { type: 'string', pattern: '^[A-Za-z0-9._-]+$', maxLength: 128 },
    op: { type: 'string', enum: OPS },
    expected: {
      anyOf: [
        ...scalars,
        { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 256 } },
        object({ policy: policyKey }, ['policy']),
        object({ setting: { type: 'string', maxLength: 128 } }, ['setting']),
      ],
    },
    absent: {
      anyOf: [
        { type: 'string', const: 'fail' },
        object({ failWhen: object({ policy: policyKey, equals: line(64) }, ['policy', 'equals']) }, ['failWhen']),
      ],
    },
  },
  ['probe', 'op'],
);

export const ruleSchema: Schema = object(
  {
    id: { type: 'string', pattern: '^[A-Z]\\d\\d$' },
    title: line(120),
    rationale: line(2000),
    severity: { type: 'string', enum: SEVERITIES },
    references: { type: 'array', minItems: 1, maxItems: 16, uniqueItems: true, items: line(200) },
    scope: { type: 'string', enum: SCOPES },
    strength: { type: 'string', enum: ['hard', 'guard-rail'] },
    applies: object({ policy: policyKey }, ['policy']),
    check: { type: 'array', minItems: 1, maxItems: 16, items: condition },
    remediation: object({ text: line(1000), command: line(500) }, ['text']),
  },
  ['id', 'title', 'rationale', 'severity', 'references', 'scope', 'strength', 'check', 'remediation'],
);
