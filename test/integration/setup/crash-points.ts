/** Runs of iso-setup that are killed, or meet a fault, at one chosen system call: strace(1) injects it. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDir } from '../../../src/sys/install.js';
import { type Ended, listTree, makeRoot, type Thing } from './scratch-root.js';

/** Where the injected calls are made: by iso-setup itself, or by iso-home and the users' processes that it starts. */
export type Place = 'iso-setup' | 'iso-home';

export interface Point {
  place: Place;
  syscall: string;
  /** The how many-th such call of a thread or process. */
  when: number;
  /** `signal=KILL`, or `error=ENOSPC`. */
  effect: string;
  /** Only calls on these files; absolute. */
  files?: readonly string[];
}

/** The toolkit with iso-home under strace(1), which is told by a file what to inject. */
export function makeTracedInstall(): string {
  const place = mkdtempSync('/var/tmp/iso-traced.');
  chmodSync(place, 0o755);
  cpSync(installDir, place, { recursive: true });
  renameSync(join(place, 'iso-home'), join(place, 'iso-home.real'));
  const script = `#!/bin/sh\nexec /usr/bin/strace -f -qq -o /dev/null $(cat '${place}/inject') '${place}/iso-home.real' "$@"\n`;
  writeFileSync(join(place, 'iso-home'), script, { mode: 0o755 });
  return place;
}

function end(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    // A umask that would show in every mode which is left to it.
    const child = spawn('/bin/sh', ['-c', 'umask 077; exec "$0" "$@"', program, ...args], {
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const injection = ({ syscall, when, effect, files = [] }: Point) => [
  ...files.flatMap((file) => ['-P', file]),
  '-e',
  `trace=${syscall}`,
  '-e',
  `inject=${syscall}:${effect}:when=${when}`,
];

/** iso-setup as it is shipped. */
export const run = (args: readonly string[]): Promise<Ended> =>
  end(process.execPath, [join(installDir, 'iso-setup.js'), ...args]);

/** The same with one call injected. A run that is not disturbed ends with status 0. */
export function runInto(point: Point, args: readonly string[], install: string): Promise<Ended> {
  if (point.place === 'iso-setup') {
    const traced = ['-qq', '-o', '/dev/null', ...injection(point), process.execPath];
    return end('/usr/bin/strace', [...traced, join(installDir, 'iso-setup.js'), ...args]);
  }
  writeFileSync(join(install, 'inject'), injection(point).join(' '));
  return end(process.execPath, [join(install, 'iso-setup.js'), ...args]);
}

/** Names, types, modes, owners and contents of all that is below a root; where the root lies is left out. */
export function snapshot(root: string): string[] {
  return listTree(root).map((line) => {
    if (!line.startsWith('-')) return line;
    const path = line.split(' ').slice(3).join(' ');
    return `${line} ${JSON.stringify(readFileSync(join(root, path), 'latin1').replaceAll(root, 'ROOT'))}`;
  });
}

/** A root for one run; `prepare` brings it to where the disturbed command starts. */
export async function withRoot<T>(
  things: readonly Thing[],
  prepare: readonly (readonly string[])[],
  work: (root: string) => Promise<T>,
): Promise<T> {
  const root = makeRoot(undefined, things);
  try {
    for (const args of prepare) await run([...args, '--root', root]);
    return await work(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
