// Stages of the project's scripts: each is announced, timed, and ends the script with a clear message when it fails.
// Node's own modules only: these scripts run before `npm ci`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const buildDir = join(root, 'build');
const started = Date.now();

/** What a stage throws when a person can act on it: printed without a stack. */
export class StageError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

export const seconds = (since = started) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

export function say(line = '') {
  process.stdout.write(`${line}\n`);
}

/** One progress line on standard error, with the time since the script began. */
export function progress(line) {
  process.stderr.write(`[${seconds().padStart(7)}] ${line}\n`);
}

/**
 * Runs a program to its end. Output goes to the caller's terminal, or is returned with `capture`.
 * Throws a StageError with the end of the output when the status is not in `accept`; `title` names the command there.
 */
export function run(program, args, options = {}) {
  const { capture = false, quiet = false, accept = [0], cwd = root, env = process.env, input, title } = options;
  const stdin = input === undefined ? 'ignore' : 'pipe';
  const held = capture || quiet;
  const result = spawnSync(program, args, {
    cwd,
    env,
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    stdio: held ? [stdin, 'pipe', 'pipe'] : [stdin, 'inherit', 'inherit'],
  });
  if (result.error) throw new StageError(`cannot run ${program}: ${result.error.message}`);
  const status = result.status ?? `signal ${result.signal}`;
  if (!accept.includes(status)) {
    const tail = held ? `\n${`${result.stdout}${result.stderr}`.trimEnd().split('\n').slice(-40).join('\n')}` : '';
    throw new StageError(`${title ?? [program, ...args].join(' ')}: ended with ${status}${tail}`);
  }
  return { status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

/** Standard output of a program, without the newline at its end. */
export const output = (program, args, options = {}) =>
  run(program, args, { capture: true, ...options }).stdout.trimEnd();

const times = [];

/** Runs one stage under a heading and remembers how long it took. */
export async function stage(name, work) {
  const since = Date.now();
  say(`\n=== ${name}`);
  try {
    return await work();
  } catch (error) {
    error.stage ??= name;
    throw error;
  } finally {
    times.push([name, Date.now() - since]);
    say(`--- ${name}: ${seconds(since)}`);
  }
}

export function printTimes() {
  say('\nseconds  stage');
  for (const [name, time] of times) say(`${(time / 1000).toFixed(1).padStart(7)}  ${name}`);
  say(`${((Date.now() - started) / 1000).toFixed(1).padStart(7)}  in all`);
}

/** Stores the counts of one group of tests for `.ci/run`, which adds them up. */
export function storeResult(name, counts) {
  mkdirSync(join(buildDir, 'results'), { recursive: true });
  writeFileSync(join(buildDir, 'results', `${name}.json`), `${JSON.stringify(counts)}\n`);
}

/** Runs a script's main function; a failure ends it with what went wrong, in which stage, and status 1. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`\nFAILED${error.stage ? ` in stage "${error.stage}"` : ''} after ${seconds()}\n`);
    const text = error instanceof StageError ? error.message : (error.stack ?? String(error));
    process.stderr.write(`  ${text.replaceAll('\n', '\n  ')}\n`);
    if (error.hint) process.stderr.write(`  hint: ${error.hint}\n`);
    process.exitCode = 1;
  }
}
