/** `iso-run create`, `start`, `restart`, `attach`: containers that are launched later, or again; and staying with them. */
import type { Command } from 'commander';
import { IsoError } from '../lib/errors.js';
import type { AttachFlags } from '../run/options/attachment.js';
import type { RunFlags } from '../run/options.js';
import type { Selection } from '../run/select-containers.js';
import { prepare, warn } from './prepare-run.js';
import { addCreateOptions } from './run-options.js';
import { writeOut } from './write-out.js';

async function create(image: string, command: string[], flags: RunFlags): Promise<void> {
  const { options, prepared } = await prepare(image, command, flags, 'create');
  warn(prepared.spec.warnings, options.quiet);
  const { runContainer } = await import('../run/run-container.js');
  const { id } = await runContainer(prepared, options);
  writeOut(`${id}\n`);
}

async function choose(references: readonly string[], selection: Selection) {
  const { readOwnIdentity } = await import('../facts/own-identity.js');
  const { listContainers } = await import('../run/records.js');
  const { selectContainers } = await import('../run/select-containers.js');
  const identity = readOwnIdentity();
  const all = listContainers(identity.home, identity.uid);
  return { identity, selected: selectContainers(all, references, selection) };
}

interface StartFlags extends AttachFlags, Selection {
  attach?: boolean;
  interactive?: boolean;
}

async function startAttached(references: string[], flags: StartFlags): Promise<void> {
  const { parseAttachment } = await import('../run/options/attachment.js');
  const { attachContainer } = await import('../run/attach-container.js');
  const { prepareStart, startContainer } = await import('../run/start-container.js');
  const attachment = parseAttachment(flags.interactive ?? false, flags);
  const { identity, selected } = await choose(references, flags);
  const [one, ...others] = selected;
  if (!one || others.length > 0) {
    throw new IsoError('usage.invalid', 'cannot use --attach', 'one can be attached to one container at a time');
  }
  warn(await prepareStart(identity));
  const follow = one.container.running ? attachContainer : startContainer;
  process.exitCode = await follow(identity, one.container, attachment);
}

async function start(references: string[], flags: StartFlags): Promise<void> {
  if (flags.attach || flags.interactive) return startAttached(references, flags);
  const { prepareStart, startContainer } = await import('../run/start-container.js');
  const { onEach } = await import('./on-each.js');
  const { identity, selected } = await choose(references, flags);
  warn(await prepareStart(identity));
  // As in Podman, one that runs is what was asked for.
  await onEach(selected, async (container) => {
    if (!container.running) await startContainer(identity, container);
  });
}

async function attach(references: string[], flags: AttachFlags & Selection & { stdin: boolean }): Promise<void> {
  const { parseAttachment } = await import('../run/options/attachment.js');
  const { attachContainer } = await import('../run/attach-container.js');
  const attachment = parseAttachment(flags.stdin, flags);
  const { identity, selected } = await choose(references, flags);
  for (const { container } of selected) process.exitCode = await attachContainer(identity, container, attachment);
}

interface RestartFlags extends Selection {
  time?: string;
}

async function restart(references: string[], flags: RestartFlags): Promise<void> {
  const { parseSeconds } = await import('./iso-run-control-actions.js');
  const { prepareStart, restartContainer } = await import('../run/start-container.js');
  const { onEach } = await import('./on-each.js');
  const seconds = flags.time === undefined ? undefined : parseSeconds(flags.time);
  const { identity, selected } = await choose(references, flags);
  warn(await prepareStart(identity));
  await onEach(selected, (container) => restartContainer(identity, container, seconds));
}

const addAttachOptions = (command: Command) =>
  command
    .option('--detach-keys <keys>', 'leave a terminal by typing these (default: ctrl-p,ctrl-q)')
    .option('--sig-proxy <boolean>', 'pass signals on to the container (default: true)');

export function registerStartCommands(program: Command): void {
  addCreateOptions(program.command('create')).description('make a container, and launch it later').action(create);
  addAttachOptions(program.command('start'))
    .description('launch containers that were created, or have ended')
    .argument('[container...]', 'names, ids or beginnings of ids')
    .option('-l, --latest', 'the container that was created last')
    .option('-a, --attach', 'stay until it ends, with its output')
    .option('-i, --interactive', 'stay until it ends, and relay standard input')
    .action(start);
  addAttachOptions(program.command('attach'))
    .description('stay with a container that runs: its output from now on, and its input')
    .argument('[container]', 'name, id or beginning of an id')
    .option('-l, --latest', 'the container that was created last')
    .option('--no-stdin', 'relay no standard input')
    .action((name: string | undefined, flags) => attach(name === undefined ? [] : [name], flags));
  program
    .command('restart')
    .description('end containers that run, and launch them again')
    .argument('[container...]', 'names, ids or beginnings of ids')
    .option('-a, --all', 'all containers')
    .option('-l, --latest', 'the container that was created last')
    .option('-t, --time <seconds>', 'time to end in, 10 if neither this nor the run says another')
    .action(restart);
}
