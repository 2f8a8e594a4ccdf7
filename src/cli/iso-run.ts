/** `iso-run`: runs containers without privilege. */
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import type { IsoError } from '../lib/errors.js';
import type { RunFlags, RunOptions } from '../run/options.js';
import type { PreparedRun } from '../run/prepare.js';
import { registerControlCommands } from './iso-run-control.js';
import { registerExecCommand } from './iso-run-exec.js';
import { registerImageCommands } from './iso-run-image.js';
import { registerLookCommands } from './iso-run-look.js';
import { registerSecretCommands } from './iso-run-secret.js';
import { registerVolumeCommands } from './iso-run-volume.js';
import { createProgram, runMain } from './main.js';
import { addRunOptions } from './run-options.js';
import { writeOut } from './write-out.js';

async function prepare(image: string, command: string[], flags: RunFlags) {
  const { parseRunOptions } = await import('../run/options.js');
  const { readPolicy } = await import('../policy/read-policy.js');
  const { prepareRun } = await import('../run/prepare.js');
  const { readCallerFile } = await import('../facts/caller-file.js');
  const caller = {
    // Asked for by relative paths alone: the directory may be gone.
    get cwd() {
      return process.cwd();
    },
    env: process.env,
    arch: process.arch,
    readText: readCallerFile,
  };
  const parsed = parseRunOptions(image, command, flags, caller);
  const policy = await readPolicy();
  const options = await placeStored(parsed);
  return { options, policy, prepared: prepareRun(options, policy) };
}

/** Most runs have no volume of a name and no secret, and need none of this. */
async function placeStored(options: RunOptions): Promise<RunOptions> {
  if (options.secrets.length === 0 && !options.volumes.some(({ named }) => named)) return options;
  const { readOwnIdentity } = await import('../facts/own-identity.js');
  const { placeVolumes } = await import('../run/named-volumes.js');
  const { placeSecrets } = await import('../run/secrets.js');
  const identity = readOwnIdentity();
  const placed = placeSecrets(identity, options);
  return { ...placed, volumes: placeVolumes(identity, placed.volumes) };
}

async function makeVolumes(prepared: PreparedRun): Promise<PreparedRun> {
  const { identity, spec } = prepared;
  if (!spec.volumes.some(({ named }) => named)) return prepared;
  const named = await import('../run/named-volumes.js');
  return { ...prepared, spec: { ...spec, volumes: await named.makeVolumes(identity, spec.volumes) } };
}

async function run(image: string, command: string[], flags: RunFlags): Promise<void> {
  const started = Date.now();
  const { recordRefusal } = await import('../run/refusals.js');
  const { requireRoom } = await import('../image/space.js');
  const { options, prepared } = await recordRefusal(image, async () => {
    const { policy, ...made } = await prepare(image, command, flags);
    requireRoom(
      made.prepared.identity,
      policy.quota.refuse,
      `cannot create a container of ${made.prepared.image.name}`,
    );
    return { ...made, prepared: await makeVolumes(made.prepared) };
  });
  // Scripts want a quiet standard error; the trail holds the warnings in any case.
  if (isatty(2) && !options.quiet) {
    for (const warning of prepared.spec.warnings) process.stderr.write(`iso-run: warning: ${warning}\n`);
  }
  const { runContainer } = await import('../run/run-container.js');
  const key = process.env.ISO_RUN_KEY;
  if (key !== undefined) {
    const { storeRun } = await import('../run/stored-plans.js');
    storeRun(key, prepared, started);
  }
  process.exitCode = await runContainer(prepared, options);
}

/** For the front: what it launched without Node did not go well. It gives the plan's entry, the report and the values. */
async function explainLaunch(): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const { readEntry, readValues } = await import('../run/read-entry.js');
  const { readOutcome } = await import('../sys/launcher/launch.js');
  const { conclude } = await import('../run/run-container.js');
  const plan = readEntry(readFileSync(3));
  const outcome = readOutcome(plan, readFileSync(4), `status ${process.env.ISO_RUN_STATUS}`);
  const values = readValues(readFileSync(5));
  if (plan.some(({ op }) => op[0] === 'join')) {
    const { concludeExec } = await import('../run/exec-container.js');
    process.exitCode = concludeExec(plan, values, outcome);
  } else {
    process.exitCode = await conclude(plan, values, { outcome, direct: false });
  }
}

async function plan(image: string, command: string[], flags: RunFlags, json: boolean): Promise<void> {
  const { prepared } = await prepare(image, command, flags);
  const { formatPlan, planToJson } = await import('../run/format-plan.js');
  writeOut(json ? `${JSON.stringify(planToJson(prepared))}\n` : formatPlan(prepared));
}

function register(program: Command): void {
  program.enablePositionalOptions();
  addRunOptions(program.command('run')).description('create a container and run a command in it').action(run);
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
