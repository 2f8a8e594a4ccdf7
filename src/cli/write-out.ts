/** Standard output of all commands. */
import { once } from 'node:events';
import { hasErrno } from '../lib/errors.js';

let watched = false;

/** A reader that has had enough, as `head` does, ends the command quietly with its status. */
function endWithReader(): void {
  if (watched) return;
  watched = true;
  process.stdout.on('error', (error) => {
    if (!hasErrno(error, 'EPIPE')) throw error;
    process.exit();
  });
}

/** Writes to standard output. */
export function writeOut(text: string): void {
  endWithReader();
  process.stdout.write(text);
}

/** Much of it, at the pace of who reads. */
export async function writeAll(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
  endWithReader();
  const isTaken = stream === 'stdout' ? process.stdout.write(bytes) : process.stderr.write(bytes);
  if (!isTaken) await once(process[stream], 'drain');
}
