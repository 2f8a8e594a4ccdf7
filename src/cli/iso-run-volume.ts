/** `iso-run volume …`: declared here, done in iso-run-volume-actions.ts, which is loaded only when one of them runs. */
import type { Command } from 'commander';
import { addPruneOptions, type PruneFlags } from './iso-run-system.js';
import { collect } from './run-options.js';

const actions = () => import('./iso-run-volume-actions.js');

/** Adds `volume` and its subcommands to iso-run. */
export function registerVolumeCommands(program: Command): void {
  const volume = program.command('volume').description('make, list and remove volumes');
  volume
    .command('create')
    .description('make a volume and print its name')
    .argument('[name]', 'name of the volume; one is made up without')
    .option('-l, --label <name[=value]>', 'label of the volume', collect)
    .action(async (name: string | undefined, options) => (await actions()).create(name, options));
  volume
    .command('ls')
    .description('list volumes')
    .option('-q, --quiet', 'print names alone')
    .option('--json', 'print as JSON')
    .action(async (options) => (await actions()).list(options));
  volume
    .command('inspect')
    .description('print what is known of volumes, as JSON')
    .argument('<name...>', 'names of volumes')
    .action(async (names: string[]) => (await actions()).inspect(names));
  volume
    .command('rm')
    .description('remove volumes that no container has')
    .argument('<name...>', 'names of volumes')
    .action(async (names: string[]) => (await actions()).remove(names));
  addPruneOptions(volume.command('prune'))
    .description('remove the volumes without a name of their own that no container has')
    .option('-a, --all', 'those with a name, too')
    .action(async (flags: PruneFlags) => (await import('./iso-run-prune-actions.js')).pruneVolumes(flags));
}
