/** `iso-run`: runs containers without privilege. */
import type { Command } from 'commander';
import type { IsoError } from '../lib/errors.js';
import type { RunFlags } from '../run/options.js';
import { registerControlCommands } from './iso-run-control.js';
import { registerExecCommand } from './iso-run-exec.js';
import { registerImageCommands } from './iso-run-image.js';
import { registerLogsCommand } from './iso-run-logs.js';
import { registerLookCommands } from './iso-run-look.js';
import { registerSecretCommands } from './iso-run-secret.js';
import { registerStartCommands } from './iso-run-start.js';
import { registerSystemCommands } from './iso-run-system.js';
import { registerVolumeCommands } from './iso-run-volume.js';
import { createProgram, runMain } from './main.js';
import { compile, prepare, warn } from './prepare-run.js';
import { addRunOptions } from './run-options.js';
import { writeOut } from './write-out.js';

async function run(image: string, command: string[], flags: RunFlags): Promise<void> {
  const started = Date.now();
  const { options, prepared } = await prepare(image, command, flags);
  warn(prepared, options);
  const { runContainer } = await import('../run/run-container.js');
  const key = process.env.ISO_RUN_KEY;
  if (key !== undefined) {
    const { storeRun } = await import('../run/stored-plans.js');
    storeRun(key, prepared, started);
  }
  const { id, code } = await runContainer(prepared, options);
  if (options.mode !== 'run') writeOut(`${id}\n`);
  process.exitCode = code;
}

/** For the front: what it launched without Node did not go well. It gives the plan's entry, the report and the values. */
async function explainLaunch(): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const { readEntry, readValues } = await import('../run/read-entry.js');
  const { readOutcome } = await import('../sys/launcher/launch.js');
  const { conclude, textOf } = await import('../run/run-container.js');
  const plan = readEntry(readFileSync(3));
  const outcome = readOutcome(plan, readFileSync(4), `status ${process.env.ISO_RUN_STATUS}`);
  const values = readValues(readFileSync(5));
  if (plan.some(({ op }) => op[0] === 'join')) {
    const { concludeExec } = await import('../run/exec-container.js');
    process.exitCode = concludeExec(plan, values, outcome);
  } else {
    process.exitCode = await conclude(plan, values, { outcome, direct: false });
  }
  if (outcome.kind === 'detached') writeOut(`${textOf(values, 'id')}\n`);
}

async function plan(image: string, command: string[], flags: RunFlags, json: boolean): Promise<void> {
  const { prepared } = await compile(image, command, flags);
  const { formatPlan, planToJson } = await import('../run/format-plan.js');
  writeOut(json ? `${JSON.stringify(planToJson(prepared))}\n` : formatPlan(prepared));
}

function register(program: Command): void {
  program.enablePositionalOptions();
  addRunOptions(program.command('run')).description('create a container and run a command in it').action(run);
  registerStartCommands(program);
  registerLogsCommand(program);
  const planned = program.command('plan').description('show what a command would do, op by op, and its digest');
  addRunOptions(planned.command('run'))
    .description('show the launch plan of a run')
    .option('--json', 'print one JSON object')
    .action((image, command, { json, ...flags }) => plan(image, command, flags, json ?? false));
  registerLookCommands(program);
  registerExecCommand(program);
  registerControlCommands(program);
  registerImageCommands(program);
  registerVolumeCommands(program);
  registerSecretCommands(program);
  registerSystemCommands(program);
  program.command('explain-launch', { hidden: true }).action(explainLaunch);
}

/** Exit statuses as container runtimes have them: 125 for our own failures, 126 and 127 for the payload's. */
function exitOf(error: IsoError): number {
  if (error.code === 'run.not-executable') return 126;
  return error.code === 'run.not-found' ? 127 : 125;
}

const program = createProgram('iso-run', 'run containers without privilege');
register(program);
void runMain(program, exitOf);
