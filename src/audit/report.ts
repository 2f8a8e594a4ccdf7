/** The report as data: what was looked at, what was found, what it adds up to. Pure. */
import { type Finding, RESULTS, type Result } from './evaluate.js';

export interface Report {
  schema: 1;
  /** RFC 3339. */
  time: string;
  host: string;
  version: string;
  /** True when something could not be seen: then no failing check does not mean that all is well. */
  incomplete: boolean;
  /** What was not looked at, and why. */
  limits: string[];
  summary: Record<Result, number>;
  findings: Finding[];
}

export function createReport(
  from: Pick<Report, 'time' | 'host' | 'version' | 'limits'>,
  findings: readonly Finding[],
): Report {
  const count = (result: Result) => findings.filter((finding) => finding.result === result).length;
  const summary = Object.fromEntries(RESULTS.map((result) => [result, count(result)])) as Report['summary'];
  const incomplete = summary.unknown > 0 || summary.error > 0 || from.limits.length > 0;
  return { schema: 1, ...from, incomplete, summary, findings: [...findings] };
}

/** 0 all promises hold, 2 some do not, 77 none was seen broken but not all could be seen (sysexits: not permitted). */
export function exitStatusOf({ summary, incomplete }: Report): 0 | 2 | 77 {
  if (summary.fail > 0) return 2;
  return incomplete ? 77 : 0;
}
