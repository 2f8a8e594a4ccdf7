/** `iso-run system …`: declared here, done in iso-run-system-actions.ts, which is loaded when one of them runs. */
import type { Command } from 'commander';
import { collect } from './run-options.js';

export interface DescribeFlags {
  format?: string;
  json?: boolean;
}

export interface DiskFlags extends DescribeFlags {
  verbose?: boolean;
}

export interface PruneFlags {
  all?: boolean;
  force?: boolean;
  volumes?: boolean;
  filter?: string[];
}

/** What all commands that prune have in common. */
export const addPruneOptions = (command: Command): Command =>
  command
    .option('-f, --force', 'remove them; without it they are listed')
    .option('--filter <key=value>', 'of those, the ones for which until=TIME, label=NAME or label!=NAME hold', collect);

const pruning = () => import('./iso-run-prune-actions.js');
const actions = () => import('./iso-run-system-actions.js');

export function registerSystemCommands(program: Command): void {
  const system = program.command('system').description('what this host gives to containers, and what they take of it');
  system
    .command('info')
    .description('show host, session, cgroups, storage and versions as iso-run finds them')
    .option('-f, --format <template>', 'json, or a template such as "{{.Host.HostState}}"')
    .option('--json', 'the same as --format json')
    .action(async (flags: DescribeFlags) => (await actions()).info(flags));
  system
    .command('df')
    .description('show what images, containers and volumes take on disk, and what of it nobody uses')
    .option('-v, --verbose', 'each of them')
    .option('--format <template>', 'json, or a template such as "{{.Type}} {{.Reclaimable}}"')
    .option('--json', 'the same as --format json')
    .action(async (flags: DiskFlags) => (await actions()).diskUse(flags));
  addPruneOptions(system.command('prune'))
    .description('remove containers that do not run; with --all images and with --volumes volumes of no container, too')
    .option('-a, --all', 'images that no container was made from, too')
    .option('--volumes', 'volumes without a name of their own that no container has, too')
    .action(async (flags: PruneFlags) => (await pruning()).pruneSystem(flags));
  const container = program.command('container').description('containers as a whole');
  addPruneOptions(container.command('prune'))
    .description('remove the containers that do not run')
    .action(async (flags: PruneFlags) => (await pruning()).pruneContainers(flags));
}
