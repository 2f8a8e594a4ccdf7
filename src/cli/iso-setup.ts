/** `iso-setup`: makes a host and its users ready for containers without privilege. */
import type { Command } from 'commander';
import { createProgram, runMain } from './main.js';
import type { QuotaCliOptions } from './quota-actions.js';
import type { SetupCliOptions } from './setup-actions.js';

const program = createProgram('iso-setup', 'make a host and its users ready for containers without privilege');

const EXITS =
  '\nExit status: 0 done, or nothing to do; 2 under --check when something differs; otherwise as sysexits(3) says.';

const withCommonOptions = (command: Command) =>
  command
    .option('--dry-run', 'print the steps, change nothing')
    .option('--json', 'print one JSON object')
    .option('--root <dir>', 'set up the system below this directory: no account sources but its own files');

withCommonOptions(program.command('user').argument('[name...]', 'login names'))
  .description('validate, create, verify and deploy what users need to run containers')
  .option('--all', "set up everybody whom the policy's [users] means")
  .option('--selected', "of the given names, leave out whom the policy's [users] does not mean")
  .option('--from <file>', 'set up the users of this list, one name a line; - is standard input')
  .option('--repair', 'put faulty lines of /etc/subuid and /etc/subgid right first; without names, nothing else')
  .option('--reset', 'replace files that the user edited; the edited one is kept as FILE.iso-old')
  .option('--diff', 'show what was edited in files that are kept or replaced')
  .option('--check', 'change nothing, and exit with status 2 when something differs')
  .option('-v, --verbose', 'print every step of every user, not one line a user, when several are given')
  .addHelpText('after', EXITS)
  .action(async (names: string[], options: SetupCliOptions) =>
    (await import('./setup-actions.js')).setUpUsers(names, options),
  );

withCommonOptions(program.command('system'))
  .description('make the host ready: kernel settings, modules, delegation, log directories')
  .option('--diff', 'show what was edited in files that are kept')
  .option('--check', 'change nothing, and exit with status 2 when something differs')
  .addHelpText('after', EXITS)
  .action(async (options: SetupCliOptions) => (await import('./setup-actions.js')).setUpSystem(options));

withCommonOptions(program.command('remove').argument('<name>', 'login name'))
  .description('take back the subordinate ranges that iso-setup gave to a user')
  .option('--purge', 'remove containers, images and configuration of the user too')
  .option('--deleted', 'for a hook of userdel: do nothing when the account is still there')
  .option('--home <dir>', 'with --deleted: the home, if it was there before; the ids are free when it is gone')
  .action(async (name: string, options: SetupCliOptions) =>
    (await import('./setup-actions.js')).removeOne(name, options),
  );

program
  .command('quota')
  .argument('[name...]', 'login names; all provisioned users without')
  .description('show, change, check and repair the quota of container trees')
  .option('--set <size>', 'limit to this size, for example 12G; `default` for what the policy says')
  .option('--inodes <count>', 'limit to this number of files; `default` for what the policy says')
  .option('--force', 'also to less than is used now')
  .option('--check', 'look for files that are not counted, and exit with status 2 when something differs')
  .option('--repair', 'count such files again')
  .option('--sample', 'tell the audit trail of thresholds that were passed, as the timer does')
  .option('--dry-run', 'print the steps, change nothing')
  .option('--json', 'print one JSON object')
  .addHelpText('after', EXITS)
  .action(async (names: string[], options: QuotaCliOptions) =>
    (await import('./quota-actions.js')).quota(names, options),
  );

program
  .command('status')
  .argument('[name]', 'login name')
  .description('who may run containers here, and with which subordinate ids')
  .option('--json', 'print one JSON object')
  .option('--check', 'exit with status 2 when there are faults or orphans')
  .action(async (name: string | undefined, options: SetupCliOptions) =>
    (await import('./setup-status.js')).showStatus(name, options),
  );

program
  .command('deferred')
  .description('do what could not be done before this system ran; for the boot')
  .option('--json', 'print one JSON object')
  .action(async (options: SetupCliOptions) => (await import('./setup-actions.js')).doDeferred(options));

// For the package: Node is another one after an upgrade.
program.command('compile-cache', { hidden: true }).action(async () => {
  const { writeCodeCaches } = await import('../setup/write-code-caches.js');
  writeCodeCaches((await import('../sys/install.js')).installDir);
});

void runMain(program);
