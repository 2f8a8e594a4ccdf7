/** What the administrator and the toolkit have declared, as rules name it. Pure. */
import type { FactValue } from '../facts/fact.js';
import type { Policy } from '../policy/policy.js';
import { SETTINGS } from '../setup/desired-host.js';

/** `subids.count` and so on; undefined when the policy has no such key. */
export function policyValue(policy: Policy, key: string): FactValue | undefined {
  let value: unknown = policy;
  for (const part of key.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

/** False for what the policy leaves out: 0, empty text, an empty list. */
export function isSet(value: FactValue): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== 0 && value !== '' && value !== false;
}

/** The values of a kernel setting that iso-setup leaves as they are; undefined when it is not part of the baseline. */
export function acceptedSettings(name: string): readonly string[] | undefined {
  return SETTINGS.find((setting) => setting.name === name)?.accepts;
}
