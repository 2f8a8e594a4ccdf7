/** `iso-setup`: makes a host and its users ready for containers without privilege. */
import { createProgram, runMain } from './main.js';

const program = createProgram('iso-setup', 'make a host and its users ready for containers without privilege');
void runMain(program);
