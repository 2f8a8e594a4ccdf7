import { expect, test } from 'vitest';
import { parseRule } from '../../../src/audit/parse-rule.js';

const good = {
  id: 'X01',
  title: 'A title',
  rationale: 'A reason.',
  severity: 'high',
  references: ['capabilities(7)'],
  scope: 'user',
  strength: 'hard',
  check: [{ probe: 'subids.count', argument: 'uid', op: 'at-least', expected: { policy: 'subids.count' } }],
  remediation: { text: 'Do this.' },
};
const parse = (change: object, name = 'X01-title.json') => parseRule(JSON.stringify({ ...good, ...change }), name);

test('a sound rule is accepted', () => {
  expect(parse({})).toEqual({ rule: good });
});

const check = (change: object) => ({ check: [{ ...good.check[0], ...change }] });

test.each([
  ['an unknown key', { extra: 1 }, 'additional properties'],
  ['no remediation', { remediation: undefined }, 'remediation'],
  ['an unknown severity', { severity: 'urgent' }, 'severity'],
  ['no check', { check: [] }, 'check'],
  ['a title of two lines', { title: 'a\nb' }, 'title'],
  ['an unknown probe', check({ probe: 'subids.number' }), 'is not one of a user'],
  ['a probe of another scope', check({ probe: 'cgroup.mode', argument: undefined }), 'is not one of a user'],
  ['a probe named like a property of every object', check({ probe: 'con.structor' }), 'is not one of a user'],
  ['an argument that does not fit', check({ argument: 'pid' }), 'argument'],
  ['no argument where one is needed', check({ argument: undefined }), 'argument'],
  ['an unknown operator', check({ op: 'about' }), 'op'],
  ['no expectation', check({ expected: undefined }), 'expected is missing'],
  ['an expectation without meaning', check({ op: 'empty' }), 'no meaning'],
  ['a policy key that does not exist', check({ expected: { policy: 'subids.size' } }), "no key 'subids.size'"],
  ['a policy key through a prototype', check({ expected: { policy: 'subids.constructor' } }), 'no key'],
  ['a setting outside the baseline', check({ expected: { setting: 'kernel.panic' } }), 'no setting'],
  ['a condition on an unknown key', { applies: { policy: 'run.nothing' } }, "no key 'run.nothing'"],
])('%s is refused', (_name, change, problem) => {
  const parsed = parse(change);
  expect('problems' in parsed && parsed.problems.join('; ')).toContain(problem);
});

test('the file must carry the name of its rule', () => {
  expect(parse({}, 'X02-title.json')).toMatchObject({ problems: ["the file's name does not begin with 'X01-'"] });
});

test.each(['', '{', 'null', '[]', '"text"'])('%j is no rule', (text) => {
  expect(parseRule(text, 'X01-a.json')).toHaveProperty('problems');
});
