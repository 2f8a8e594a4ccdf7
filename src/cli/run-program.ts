/** The frame of `iso-run`. */
import type { Command } from 'commander';
import type { IsoError } from '../lib/errors.js';
import { createProgram, runMain } from './main.js';

/** Exit statuses as container runtimes have them: 125 for our own failures, 126 and 127 for the payload's. */
function exitOf(error: IsoError): number {
  if (error.code === 'run.not-executable') return 126;
  return error.code === 'run.not-found' ? 127 : 125;
}

/** Runs `iso-run` with the commands that are registered. */
export function runProgram(register: (program: Command) => void): void {
  const program = createProgram('iso-run', 'run containers without privilege');
  program.enablePositionalOptions();
  register(program);
  void runMain(program, exitOf);
}
