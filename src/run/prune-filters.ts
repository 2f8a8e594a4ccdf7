/** `--filter` of the commands that prune: until, label and label!=; all must hold. Pure. */
import { parseLogTime } from './log-time.js';
import { refuse } from './options/refuse.js';

export interface Pruned {
  /** RFC 3339. */
  created: string;
  labels?: Record<string, string>;
}

type Test = (one: Pruned) => boolean;

function hasLabel(value: string): Test {
  const [, name = '', wanted] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
  return ({ labels = {} }) => Object.hasOwn(labels, name) && (wanted === undefined || labels[name] === wanted);
}

function parseFilter(filter: string, now: number): Test {
  const [, key, value = ''] = /^(until|label|label!)=(.+)$/s.exec(filter) ?? [];
  if (key === 'until') {
    const until = Date.parse(parseLogTime('--filter until', value, now));
    return ({ created }) => Date.parse(created) < until;
  }
  if (key === undefined)
    throw refuse(`--filter ${filter}`, 'it is none of until=TIME, label=NAME[=VALUE], label!=NAME[=VALUE]');
  const has = hasLabel(value);
  return key === 'label' ? has : (one) => !has(one);
}

/** `now` in milliseconds. @throws IsoError usage.invalid */
export function parsePruneFilters(filters: readonly string[], now: number): Test {
  const tests = filters.map((filter) => parseFilter(filter, now));
  return (one) => tests.every((test) => test(one));
}
