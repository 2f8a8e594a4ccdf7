/** `iso-run secret …`: declared here, done in iso-run-secret-actions.ts, which is loaded only when one of them runs. */
import type { Command } from 'commander';

const actions = () => import('./iso-run-secret-actions.js');

/** Adds `secret` and its subcommands to iso-run. */
export function registerSecretCommands(program: Command): void {
  const secret = program.command('secret').description('store, list and remove secrets');
  secret
    .command('create')
    .description('store a secret and print its name')
    .argument('<name>', 'name of the secret')
    .argument('<file>', "the file that holds it, '-' for standard input")
    .action(async (name: string, file: string) => (await actions()).create(name, file));
  secret
    .command('ls')
    .description('list secrets')
    .option('-q, --quiet', 'print names alone')
    .option('--json', 'print as JSON')
    .action(async (options) => (await actions()).list(options));
  secret
    .command('inspect')
    .description('print what is known of secrets, but not what they hold, as JSON')
    .argument('<name...>', 'names of secrets')
    .action(async (names: string[]) => (await actions()).inspect(names));
  secret
    .command('rm')
    .description('remove secrets')
    .argument('<name...>', 'names of secrets')
    .action(async (names: string[]) => (await actions()).remove(names));
}
