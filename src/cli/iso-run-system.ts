/** `iso-run system …`: declared here, done in iso-run-system-actions.ts, which is loaded when one of them runs. */
import type { Command } from 'commander';

export interface DescribeFlags {
  format?: string;
  json?: boolean;
}

const actions = () => import('./iso-run-system-actions.js');

export function registerSystemCommands(program: Command): void {
  const system = program.command('system').description('what this host gives to containers, and what they take of it');
  system
    .command('info')
    .description('show host, session, cgroups, storage and versions as iso-run finds them')
    .option('-f, --format <template>', 'json, or a template such as "{{.Host.HostState}}"')
    .option('--json', 'the same as --format json')
    .action(async (flags: DescribeFlags) => (await actions()).info(flags));
}
