/** `iso-run ps`, `inspect`, `top`, `stats`, `diff`, `events`: declared here, done in iso-run-look-actions.ts, which is loaded when one runs. */
import type { Command } from 'commander';
import { collect } from './run-options.js';

export interface PsFlags {
  all?: boolean;
  latest?: boolean;
  last?: string;
  quiet?: boolean;
  json?: boolean;
  trunc: boolean;
  format?: string;
  filter?: string[];
}

export interface InspectFlags {
  latest?: boolean;
  format?: string;
}

export interface StatsFlags {
  latest?: boolean;
  stream: boolean;
  interval: string;
  format?: string;
  json?: boolean;
}

export interface DiffFlags {
  latest?: boolean;
  format?: string;
  json?: boolean;
}

export interface EventsFlags {
  since?: string;
  until?: string;
  filter?: string[];
  stream: boolean;
  format?: string;
  json?: boolean;
}

const actions = () => import('./iso-run-look-actions.js');

export function registerLookCommands(program: Command): void {
  program
    .command('ps')
    .description('list containers')
    .option('-a, --all', 'also those that ended')
    .option('-l, --latest', 'the one that was created last, in whatever state')
    .option('-n, --last <number>', 'so many that were created last, in whatever state')
    .option('-f, --filter <key=value>', 'those for which this holds', collect)
    .option('-q, --quiet', 'ids only')
    .option('--no-trunc', 'whole ids and commands')
    .option('--format <template>', 'json, or a template such as "table {{.ID}}\\t{{.Names}}"')
    .option('--json', 'print one JSON array of the records')
    .action(async (flags: PsFlags) => (await actions()).ps(flags));
  program
    .command('inspect')
    .description('print what is known of containers, as JSON')
    .argument('[container...]', 'names, ids or beginnings of ids')
    .option('-l, --latest', 'the container that was created last')
    .option('-f, --format <template>', 'json, or a template such as "{{.State.Status}}"')
    .action(async (names: string[], flags: InspectFlags) => (await actions()).inspect(names, flags));
  program
    .command('top')
    .description('show the processes of a container')
    .argument('[container]', 'name, id or beginning of an id')
    .argument('[column...]', 'columns, such as pid, user, args, hpid')
    .option('-l, --latest', 'of the container that was created last')
    .action(async (name: string | undefined, columns: string[], flags: { latest?: boolean }) =>
      (await actions()).top(name, columns, flags),
    );
  program
    .command('diff')
    .description('list what a container changed of its image')
    .argument('[container]', 'name, id or beginning of an id')
    .option('-l, --latest', 'of the container that was created last')
    .option('--format <format>', 'json')
    .option('--json', 'the same as --format json')
    .action(async (name: string | undefined, flags: DiffFlags) => (await actions()).diff(name, flags));
  registerWatching(program);
}

/** What goes on until it is ended. */
function registerWatching(program: Command): void {
  program
    .command('events')
    .description('show what happens to containers, as it happens')
    .option('--since <time>', 'from then on, for example 10m or 2026-01-31T08:00')
    .option('--until <time>', 'up to then')
    .option('-f, --filter <key=value>', 'container=, event=, image= or type=', collect)
    .option('--no-stream', 'what has happened, and no more')
    .option('--format <template>', 'json, or a template such as "{{.Status}} {{.Name}}"')
    .option('--json', 'the same as --format json')
    .action(async (flags: EventsFlags) => (await import('./iso-run-events.js')).events(flags));
  program
    .command('stats')
    .description('show what containers use of processors, memory and disks')
    .argument('[container...]', 'names, ids or beginnings of ids; all that run if none is given')
    .option('-l, --latest', 'of the container that was created last')
    .option('--no-stream', 'once, in place of again and again')
    .option('--interval <seconds>', 'between two looks', '5')
    .option('--format <template>', 'json, or a template such as "{{.Name}} {{.CPUPerc}}"')
    .option('--json', 'the same as --format json')
    .action(async (names: string[], flags: StatsFlags) => (await import('./iso-run-stats.js')).stats(names, flags));
}
