/** `iso-audit`: reads the audit trail and reports compliance. */
import { createProgram, runMain } from './main.js';

const program = createProgram('iso-audit', 'read the audit trail and report compliance');
await runMain(program);
