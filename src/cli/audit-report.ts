/** `iso-audit report`. */
import { formatReport } from '../audit/format-report.js';
import { makeReport } from '../audit/make-report.js';
import { exitStatusOf, type Report } from '../audit/report.js';
import { IsoError } from '../lib/errors.js';
import { readPolicy } from '../policy/read-policy.js';
import { installed } from '../sys/install.js';
import { TRAIL_DIR } from '../trail/record-event.js';
import { writeOut } from './write-out.js';

interface Options {
  user?: string;
  format: string;
  json?: boolean;
  check?: boolean;
}

/** Colour helps on a terminal only, and not everybody wants it there (no-color.org). */
function wantsColour(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

function withoutPasses(report: Report): Report {
  return { ...report, findings: report.findings.filter(({ result }) => !['pass', 'notapplicable'].includes(result)) };
}

export async function report(options: Options): Promise<void> {
  if (options.format !== 'text' && options.format !== 'json') {
    throw new IsoError('usage.invalid', `cannot use the format '${options.format}'`, 'it is neither text nor json');
  }
  const made = await makeReport({
    rules: installed('audit-rules/checks'),
    policy: await readPolicy(),
    trail: TRAIL_DIR,
    version: __VERSION__,
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  const shown = options.check ? withoutPasses(made) : made;
  const asJson = options.json || options.format === 'json';
  writeOut(asJson ? `${JSON.stringify(shown, null, 2)}\n` : formatReport(shown, wantsColour()));
  process.exitCode = exitStatusOf(made);
}
