/** What the `iso-run system` commands do. */
import { readOwnIdentity } from '../facts/own-identity.js';
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { formatTree } from '../lib/format-tree.js';
import { readPolicy } from '../policy/read-policy.js';
import { describeSystem } from '../run/describe-system.js';
import type { DescribeFlags } from './iso-run-system.js';
import { writeOut } from './write-out.js';

/** Templates name fields as Go does, JSON as Podman prints them. */
function withGoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGoNames);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, one]) => [`${key.charAt(0).toUpperCase()}${key.slice(1)}`, one]);
  return Object.fromEntries(members.map(([key, one]) => [key, withGoNames(one)]));
}

export async function info({ format, json }: DescribeFlags): Promise<void> {
  const template = format === undefined || format === 'json' ? undefined : parseTemplate(format);
  const described = await describeSystem(readOwnIdentity(), await readPolicy(), __VERSION__);
  if (template) writeOut(formatValues(template, [withGoNames(described)]));
  else if (json || format === 'json') writeOut(`${JSON.stringify(described, null, 2)}\n`);
  else writeOut(formatTree(described));
}
