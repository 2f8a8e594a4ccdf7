/** The report for people: grouped by what was looked at, the reason and the way out under whatever is not in order. Pure. */
import type { FactValue } from '../facts/fact.js';
import { escapeControl } from '../lib/text.js';
import type { Evidence, Finding, Result } from './evaluate.js';
import type { Report } from './report.js';

/** SGR codes: red, green, yellow, grey. */
const COLOUR: Record<Result, number> = { pass: 32, fail: 31, error: 31, unknown: 33, notapplicable: 90 };
const WORD: Record<Result, string> = {
  pass: 'pass',
  fail: 'FAIL',
  error: 'ERROR',
  unknown: 'unknown',
  notapplicable: 'n/a',
};
const OPERATOR: Record<Evidence['op'], string> = {
  equals: '',
  'not-equals': 'anything but ',
  'at-least': 'at least ',
  'at-most': 'at most ',
  'one-of': 'one of ',
  subset: 'nothing beyond ',
  empty: 'none',
  'not-empty': 'at least one',
};
const MAX_ITEMS = 5;

function formatValue(value: FactValue): string {
  return typeof value === 'object' ? value.join(', ') || 'none' : String(value);
}

/** What was measured against what is wanted: one line, and one more for each item where there are several. */
function formatEvidence({ probe, op, expected, policy, value, why }: Evidence): string[] {
  const wanted = `${OPERATOR[op]}${expected === undefined ? '' : formatValue(expected)}`;
  const source = policy === undefined ? '' : ` by ${policy}`;
  if (value === undefined) return [`${probe}: ${why ?? 'not measured'}`];
  const reason = why === undefined ? '' : `; ${why}`;
  if (typeof value !== 'object' || value.length < 2) {
    return [`${probe}: ${formatValue(value)}${reason} (wanted: ${wanted}${source})`];
  }
  const rest = value.length - MAX_ITEMS;
  const items = value.slice(0, MAX_ITEMS).map((item) => `  ${item}`);
  return [`${probe}${reason} (wanted: ${wanted}${source}):`, ...items, ...(rest > 0 ? [`  and ${rest} more`] : [])];
}

function formatFinding(finding: Finding, paint: (text: string, result: Result) => string): string[] {
  const { rule, result, severity, strength, title } = finding;
  const word = paint(WORD[result].padEnd(7), result);
  const lines = [`  ${word}  ${rule}  ${severity.padEnd(8)}  ${strength.padEnd(10)}  ${title}`];
  if (result === 'pass') return lines;
  const indent = ' '.repeat(11);
  for (const evidence of finding.evidence) {
    if (evidence.result === 'pass') continue;
    // One that does not apply explains a rule which as a whole does not apply, and nothing else.
    if (evidence.result === 'notapplicable' && result !== 'notapplicable') continue;
    lines.push(...formatEvidence(evidence).map((line) => indent + escapeControl(line)));
  }
  if (result === 'fail') {
    lines.push(`${indent}fix: ${escapeControl(finding.remediation.text)}`);
    if (finding.remediation.command !== undefined)
      lines.push(`${indent}     ${escapeControl(finding.remediation.command)}`);
  }
  return lines;
}

function formatSummary({ summary, incomplete, limits }: Report): string[] {
  const parts = [
    `${summary.pass} pass`,
    `${summary.fail} fail`,
    `${summary.error} error`,
    `${summary.unknown} unknown`,
    `${summary.notapplicable} not applicable`,
  ];
  const lines = [parts.join(', ')];
  if (incomplete) {
    lines.push('incomplete: what could not be seen is not counted as in order');
    lines.push(...limits.map((limit) => `  ${escapeControl(limit)}`));
  }
  return lines;
}

/** `colour` only for a terminal. */
export function formatReport(report: Report, colour: boolean): string {
  const paint = (text: string, result: Result) => (colour ? `\u001b[${COLOUR[result]}m${text}\u001b[0m` : text);
  const lines = [`iso-audit report of ${escapeControl(report.host)}, ${report.time}`];
  let group = '';
  for (const finding of report.findings) {
    const title = finding.scope === 'host' ? 'host' : `${finding.scope} ${finding.target}`;
    if (title !== group) {
      lines.push('', escapeControl(title));
      group = title;
    }
    lines.push(...formatFinding(finding, paint));
  }
  return `${[...lines, '', ...formatSummary(report)].join('\n')}\n`;
}
