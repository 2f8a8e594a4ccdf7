/** `iso-run exec`: a further command in a running container. */
import type { Command } from 'commander';
import type { ExecFlags } from '../run/exec-options.js';
import type { Selected } from '../run/select-containers.js';
import { collect } from './run-options.js';
import { writeOut } from './write-out.js';

/** Kept under the key that the front looks for; it knows a container by its name or id alone. */
function keyFor({ container: { record }, shown }: Selected): string | undefined {
  return [record.name, record.id].includes(shown) ? process.env.ISO_RUN_KEY : undefined;
}

async function exec(words: string[], flags: ExecFlags): Promise<void> {
  const since = Date.now();
  const { readCallerFile } = await import('../facts/caller-file.js');
  const { parseExecOptions } = await import('../run/exec-options.js');
  const { readOwnIdentity } = await import('../facts/own-identity.js');
  const { listContainers } = await import('../run/records.js');
  const { selectContainers } = await import('../run/select-containers.js');
  const { execContainer, execDetached, execSpec, prepareExec } = await import('../run/exec-container.js');
  const { IsoError } = await import('../lib/errors.js');
  const options = parseExecOptions(flags, { env: process.env, readText: readCallerFile });
  const identity = readOwnIdentity();
  const [names, command] = flags.latest ? [[], words] : [words.slice(0, 1), words.slice(1)];
  const containers = listContainers(identity.home, identity.uid);
  const [selected] = selectContainers(containers, names, { latest: flags.latest ?? false });
  if (command.length === 0 || !selected) {
    throw new IsoError('usage.invalid', 'cannot run a command in a container', 'no command was given');
  }
  const spec = await execSpec(identity, selected.container, options);
  const prepared = prepareExec(identity, selected.container, spec);
  const key = keyFor(selected);
  if (key !== undefined) {
    const { storeExec } = await import('../run/store-exec.js');
    storeExec(key, identity, selected.container, { spec, prepared, since });
  }
  if (options.detach) writeOut(`${await execDetached(prepared, command, options.direct)}\n`);
  else process.exitCode = await execContainer(prepared, command, options.direct);
}

export function registerExecCommand(program: Command): void {
  program
    .command('exec')
    .description('run a command in a container that runs')
    .usage('[options] CONTAINER COMMAND [ARGUMENT...]')
    .argument('<words...>', 'the container, then the command and its arguments')
    .passThroughOptions()
    .option('-d, --detach', 'leave the command to itself, and print an id')
    .option('-i, --interactive', 'relay standard input to the command')
    .option('-t, --tty', 'give the command a terminal of its own')
    .option('-e, --env <name[=value]>', 'set an environment variable, or pass one on', collect)
    .option('--env-file <file>', 'set the variables of a file, one a line', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .option('-u, --user <user[:group]>', "run as this user in place of the container's own")
    .option('-l, --latest', 'in the container that was created last')
    .option('--privileged', 'refused: a command has no more than the container')
    .option('--direct', 'launch without a session process')
    .action(exec);
}
