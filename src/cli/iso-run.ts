/** `iso-run`: runs containers without privilege. */
import { createProgram, runMain } from './main.js';

const program = createProgram('iso-run', 'run containers without privilege');
await runMain(program);
