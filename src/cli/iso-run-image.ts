/** `iso-run image …`: declared here, done in iso-run-image-actions.ts, which is loaded only when one of them runs. */
import type { Command } from 'commander';
import { addPruneOptions, type PruneFlags } from './iso-run-system.js';

export interface ImportOptions {
  force?: boolean;
  json?: boolean;
}

export interface BootstrapOptions extends ImportOptions {
  suite?: string;
}

export interface ListOptions {
  json?: boolean;
  quiet?: boolean;
}

const actions = () => import('./iso-run-image-actions.js');

/** Adds `image` and its subcommands to iso-run. */
export function registerImageCommands(program: Command): void {
  const image = program.command('image').description('import, make, list and remove images');
  image
    .command('import')
    .description('make an image of a tar archive of a root file system, plain or compressed with gzip, xz or zstd')
    .argument('<file>', "the archive, '-' for standard input")
    .argument('<name>', 'name of the image, NAME[:TAG]')
    .option('--force', 'replace another image of this name')
    .option('--json', 'print the image as JSON')
    .action(async (file: string, name: string, options: ImportOptions) =>
      (await actions()).importFile(file, name, options),
    );
  image
    .command('bootstrap')
    .description("make a base image from the host's own packages: BusyBox, or with --suite a Debian")
    .argument('<name>', 'name of the image, NAME[:TAG]')
    .option('--suite <suite>', 'a minimal Debian of this suite, made by mmdebstrap from the package archive')
    .option('--force', 'replace another image of this name')
    .option('--json', 'print the image as JSON')
    .action(async (name: string, options: BootstrapOptions) => (await actions()).bootstrap(name, options));
  image
    .command('ls')
    .description('list images')
    .option('-q, --quiet', 'print names alone')
    .option('--json', 'print as JSON')
    .action(async (options: ListOptions) => (await actions()).list(options));
  image
    .command('inspect')
    .description('print what is known of an image, as JSON')
    .argument('<name>', 'name of the image')
    .action(async (name: string) => (await actions()).inspect(name));
  image
    .command('rm')
    .description('remove an image, and the layers that no other image shares')
    .argument('<name>', 'name of the image')
    .option('--json', 'print the removed image as JSON')
    .action(async (name: string, options: { json?: boolean }) => (await actions()).remove(name, options));
  addPruneOptions(image.command('prune'))
    .description('remove the images that no container was made from')
    .option('-a, --all', 'as every image has a name, without it there is none to remove')
    .action(async (flags: PruneFlags) => (await import('./iso-run-prune-actions.js')).pruneImages(flags));
}
