/** `iso-run run` by itself: a cold launch loads nothing of the other commands. */
import { registerRunCommand } from './iso-run-run.js';
import { runProgram } from './run-program.js';

runProgram(registerRunCommand);
