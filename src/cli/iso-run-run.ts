/** `iso-run run`: a new container and a command in it. */
import type { Command } from 'commander';
import type { RunFlags } from '../run/options.js';
import { prepare, warn } from './prepare-run.js';
import { addRunOptions } from './run-options.js';
import { writeOut } from './write-out.js';

async function run(image: string, command: string[], flags: RunFlags): Promise<void> {
  const started = Date.now();
  const { options, prepared, isKeepable } = await prepare(image, command, flags);
  warn(prepared.spec.warnings, options.quiet);
  const { runContainer } = await import('../run/run-container.js');
  const key = process.env.ISO_RUN_KEY;
  if (key !== undefined && isKeepable) {
    const { storeRun } = await import('../run/stored-plans.js');
    storeRun(key, prepared, started);
  }
  const { id, code } = await runContainer(prepared, options);
  if (options.mode !== 'run') writeOut(`${id}\n`);
  process.exitCode = code;
}

export function registerRunCommand(program: Command): void {
  addRunOptions(program.command('run')).description('create a container and run a command in it').action(run);
}
