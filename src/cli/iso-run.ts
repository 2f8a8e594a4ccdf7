/** `iso-run`: runs containers without privilege. */
import type { Command } from 'commander';
import type { RunFlags } from '../run/options.js';
import { registerControlCommands } from './iso-run-control.js';
import { registerExecCommand } from './iso-run-exec.js';
import { registerImageCommands } from './iso-run-image.js';
import { registerLogsCommand } from './iso-run-logs.js';
import { registerLookCommands } from './iso-run-look.js';
import { registerRunCommand } from './iso-run-run.js';
import { registerSecretCommands } from './iso-run-secret.js';
import { registerStartCommands } from './iso-run-start.js';
import { registerSystemCommands } from './iso-run-system.js';
import { registerVolumeCommands } from './iso-run-volume.js';
import { compile } from './prepare-run.js';
import { addRunOptions } from './run-options.js';
import { runProgram } from './run-program.js';
import { writeOut } from './write-out.js';

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
  registerRunCommand(program);
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

runProgram(register);
