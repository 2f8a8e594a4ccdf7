/** `iso-audit`: reads the audit trail and reports compliance. */
import { createProgram, runMain } from './main.js';

const program = createProgram('iso-audit', 'read the audit trail and report compliance');

program
  .command('report')
  .description('check every promise of the toolkit on this host, its users and their running containers')
  .option('--user <name>', 'only this user and the containers of this user')
  .option('--format <format>', 'text or json', 'text')
  .option('--json', 'the same as --format json')
  .option('--check', 'print only what is not in order')
  .addHelpText(
    'after',
    '\nExit status: 0 all in order, 2 some checks fail, 77 none fails but not all could be measured (run it as root).',
  )
  .action(async (options) => (await import('./audit-report.js')).report(options));

program
  .command('events')
  .description('show what the audit trail holds: all of it as root, otherwise your own events')
  .option('--since <time>', 'only from then on: 90s, 15m, 2h, 7d, or a date such as 2026-01-31 or 2026-01-31T08:00')
  .option('--category <name>', 'security, resource, permission, system or lifecycle')
  .option('--user <name>', 'only events by or about this user (name or uid)')
  .option('-n, --limit <count>', 'the newest COUNT events', '1000')
  .option('--json', 'one JSON object a line')
  .action(async (options) => (await import('./audit-events.js')).events(options));

void runMain(program);
