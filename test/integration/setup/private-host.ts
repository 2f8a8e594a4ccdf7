/** A host of our own for scripts that change accounts: see private-host.sh. Needs root. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { installed } from '../../../src/sys/install.js';

const at = (name: string) => join(import.meta.dirname, name);

/** Standard output of a script of this folder; it must end well and print no error. */
export function onPrivateHost(script: string, args: readonly string[] = [], timeout = 110_000): string {
  const work = mkdtempSync('/var/tmp/iso-private-host.');
  try {
    const command = [
      'bash',
      at('private-host.sh'),
      work,
      process.execPath,
      installed('iso-setup.js'),
      at(script),
      ...args,
    ];
    const { stdout, stderr, status } = spawnSync('unshare', ['--mount', '--propagation', 'private', ...command], {
      encoding: 'utf8',
      timeout,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    if (status !== 0 || stderr !== '')
      throw new Error(`${script} ended with ${status}: ${stderr}\n${stdout.slice(-4000)}`);
    return stdout;
  } finally {
    rmdirSync(work);
  }
}

/** Parts of an output that are headed by `=== NAME`. */
export function partsOf(stdout: string): Record<string, string> {
  const parts = stdout.split(/^=== (.*)\n/m).slice(1);
  return Object.fromEntries(
    parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1] ?? ''] as const] : [])),
  );
}
