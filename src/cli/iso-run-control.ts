/** `iso-run stop`, `kill`, `wait`, `pause`, `unpause`, `rename`, `update`, `cp`, `rm`: declared here, done in iso-run-control-actions.ts, which is loaded when one runs. */
import type { Command } from 'commander';
import type { RunFlags } from '../run/options.js';
import { addCgroupOptions } from './run-options.js';

export interface SelectFlags {
  all?: boolean;
  latest?: boolean;
  ignore?: boolean;
}

export interface StopFlags extends SelectFlags {
  time?: string;
}

export interface KillFlags extends SelectFlags {
  signal: string;
}

export interface WaitFlags extends SelectFlags {
  condition: string;
  interval: string;
}

export interface RemoveFlags extends SelectFlags {
  force?: boolean;
  volumes?: boolean;
}

export interface UpdateFlags extends RunFlags {
  latest?: boolean;
}

const actions = () => import('./iso-run-control-actions.js');

/** A command on containers, with the options by which they are chosen. */
function onContainers(program: Command, name: string, description: string, which: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('[container...]', 'names, ids or beginnings of ids')
    .option('-a, --all', which)
    .option('-l, --latest', 'the container that was created last');
}

export function registerControlCommands(program: Command): void {
  onContainers(program, 'stop', 'end containers, by force if they do not end in time', 'all that run')
    .option('-i, --ignore', 'no error for a container that is not there')
    .option('-t, --time <seconds>', 'time to end in, 10 if neither this nor the run says another')
    .action(async (names: string[], flags: StopFlags) => (await actions()).stop(names, flags));
  onContainers(program, 'kill', 'send a signal to containers', 'all that run')
    .option('-s, --signal <signal>', 'name or number', 'KILL')
    .action(async (names: string[], flags: KillFlags) => (await actions()).kill(names, flags));
  onContainers(program, 'wait', 'wait for containers to end, and print their exit statuses', 'all that run')
    .option('-i, --ignore', 'no error for a container that is not there')
    .option('--condition <state>', 'created, running, exited, stopped or removed', 'stopped')
    .option('--interval <time>', 'between two looks, for example 250ms', '100ms')
    .action(async (names: string[], flags: WaitFlags) => (await actions()).wait(names, flags));
  for (const name of ['pause', 'unpause'] as const) {
    const what = name === 'pause' ? 'stop the processes of containers for a while' : 'let paused containers go on';
    onContainers(program, name, what, name === 'pause' ? 'all that run' : 'all that are paused').action(
      async (names: string[], flags: SelectFlags) => (await actions())[name](names, flags),
    );
  }
  program
    .command('rename')
    .description('give a container another name')
    .argument('<container>', 'name, id or beginning of an id')
    .argument('<name>', 'the new name')
    .action(async (container: string, name: string) => (await actions()).rename(container, name));
  addCgroupOptions(program.command('update'))
    .description('give containers other limits, now and for their launches to come')
    .argument('[container...]', 'names, ids or beginnings of ids')
    .option('-l, --latest', 'the container that was created last')
    .action(async (names: string[], flags: UpdateFlags) => (await actions()).update(names, flags));
  program
    .command('cp')
    .description('copy files between a container and the host')
    .argument('<source>', 'CONTAINER:PATH, a path of the host, or - for a tar archive on standard input')
    .argument('<destination>', 'the same; - is standard output')
    .action(async (source: string, destination: string) => (await actions()).copy(source, destination));
  onContainers(program, 'rm', 'remove containers', 'all that ended; with --force all')
    .option('-i, --ignore', 'no error for a container that is not there')
    .option('-f, --force', 'end them first')
    .option('-v, --volumes', 'also their volumes that have no name')
    .action(async (names: string[], flags: RemoveFlags) => (await actions()).remove(names, flags));
}
