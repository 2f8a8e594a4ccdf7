import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Finding } from '../../../src/audit/evaluate.js';
import { formatReport } from '../../../src/audit/format-report.js';
import { createReport, exitStatusOf } from '../../../src/audit/report.js';

const finding = (change: Partial<Finding> = {}): Finding => ({
  rule: 'X01',
  title: 'Something is in order',
  severity: 'high',
  strength: 'hard',
  scope: 'host',
  target: 'host',
  result: 'pass',
  evidence: [{ probe: 'cgroup.mode', result: 'pass', op: 'equals', expected: 'unified', value: 'unified' }],
  remediation: { text: 'Put it in order.', command: 'iso-setup user alice' },
  ...change,
});
/** C0, DEL, C1, separators, bidirectional controls: whatever moves a cursor, hides text or begins a line. */
function isUnsafe(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  const within = (low: number, high: number) => code >= low && code <= high;
  return within(0, 0x1f) || within(0x7f, 0x9f) || within(0x2028, 0x202e) || within(0x2066, 0x2069);
}

const from = { time: '2026-01-31T08:00:00.000Z', host: 'host.example', version: '1.0.0', limits: [] as string[] };

test('text for people', async () => {
  const findings = [
    finding(),
    finding({
      rule: 'X02',
      result: 'fail',
      evidence: [
        { probe: 'cgroup.mode', result: 'pass', op: 'equals', expected: 'unified', value: 'unified' },
        { probe: 'kernel.sysctl a.b', result: 'fail', op: 'at-least', expected: 2, policy: 'run.pids', value: 1 },
      ],
    }),
    finding({
      rule: 'X03',
      scope: 'user',
      target: 'alice',
      result: 'fail',
      evidence: [
        { probe: 'tree.faults files', result: 'fail', op: 'empty', value: ['1', '2', '3', '4', '5', '6', '7'] },
      ],
      remediation: { text: 'Put it in order.' },
    }),
    finding({
      rule: 'X04',
      scope: 'container',
      target: 'alice/web',
      result: 'notapplicable',
      evidence: [
        { probe: 'cgroup.limit memory', result: 'notapplicable', op: 'not-equals', expected: 'max', why: 'no' },
      ],
    }),
  ];
  const report = createReport({ ...from, limits: ['others were not looked at'] }, findings);
  await expect(formatReport(report, false)).toMatchFileSnapshot('report.golden');
});

test('no byte from outside moves the cursor, whatever it is', () => {
  const hostile = fc.string({ unit: 'binary' });
  const run = () =>
    fc.assert(
      fc.property(hostile, hostile, hostile, (target, value, why) => {
        const evidence = [
          { probe: 'cgroup.mode', result: 'fail', op: 'empty', value: [value, value] } as const,
          { probe: 'mac.enforcing', result: 'fail', op: 'empty', why } as const,
        ];
        const report = createReport({ ...from, host: target }, [
          finding({ scope: 'container', target, result: 'fail', evidence, remediation: { text: why, command: value } }),
        ]);
        const json = JSON.stringify(report);
        const lines = formatReport(report, false).split('\n');
        const safe = lines.length === 13 && !lines.some((line) => [...line].some(isUnsafe));
        return safe && JSON.stringify(JSON.parse(json)) === json;
      }),
    );
  expect(run).not.toThrow();
});

test('colour only when asked for', () => {
  const report = createReport(from, [finding({ result: 'fail' })]);
  expect(formatReport(report, false)).not.toContain('\u001b');
  expect(formatReport(report, true)).toContain('\u001b[31mFAIL');
});

test.each([
  ['all in order', ['pass', 'notapplicable'], [], 0, false],
  ['a failure', ['pass', 'fail', 'unknown'], [], 2, true],
  ['something unknown', ['pass', 'unknown'], [], 77, true],
  ['an error', ['pass', 'error'], [], 77, true],
  ['somebody not looked at', ['pass'], ['others'], 77, true],
  ['nothing at all', [], [], 0, false],
] as const)('exit status with %s', (_name, results, limits, status, incomplete) => {
  const report = createReport(
    { ...from, limits: [...limits] },
    results.map((result) => finding({ result })),
  );
  expect([exitStatusOf(report), report.incomplete]).toEqual([status, incomplete]);
});
