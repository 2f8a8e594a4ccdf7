/** Standard output of all commands. */
import { hasErrno } from '../lib/errors.js';

let watched = false;

/** Writes to standard output. A reader that has had enough, as `head` does, ends the command quietly with its status. */
export function writeOut(text: string): void {
  if (!watched) {
    watched = true;
    process.stdout.on('error', (error) => {
      if (!hasErrno(error, 'EPIPE')) throw error;
      process.exit();
    });
  }
  process.stdout.write(text);
}
