// The QEMU that runs guests. Where the host's own is older than Debian 13's, that one is fetched and run from the cache: of
// the same guest it forks three times as fast (QEMU 10.0 beside 7.2), and nothing of it is installed on the host.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, output, progress, run } from '../tools/stage.mjs';
import { cacheDir } from './image.mjs';

const PROGRAM = 'qemu-system-x86_64';
const FETCHED_FROM = 'trixie';
const NEW_ENOUGH = 10;

/** Unpacked and not installed, so the loader and the firmware are named by their places. */
function commandIn(directory) {
  const under = (...names) => join(directory, 'usr', ...names);
  const loader = under('lib64', 'ld-linux-x86-64.so.2');
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', under('share', name)]);
  return [loader, '--library-path', under('lib', 'x86_64-linux-gnu'), under('bin', PROGRAM), ...firmware];
}

function hostVersion() {
  return Number(/version (\d+)/.exec(output(PROGRAM, ['--version']))?.[1] ?? 0);
}

function fetchInto(directory) {
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const place = mkdtempSync(`${directory}.new.`);
  try {
    progress(`fetching QEMU of Debian ${FETCHED_FROM}`);
    const source = ['--variant=extract', '--include=qemu-system-x86', '--aptopt=Acquire::Languages "none"'];
    run('mmdebstrap', ['--quiet', ...source, FETCHED_FROM, place], { quiet: true });
    renameSync(place, directory);
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    // Another run may have fetched it meanwhile.
    if (!existsSync(directory)) throw error;
  }
}

/**
 * The words that run the emulator, before its options; fetched when it is not there.
 * @returns {string[]}
 */
export function ensureEmulator() {
  if (hostVersion() >= NEW_ENOUGH) return [PROGRAM];
  const directory = join(cacheDir, `qemu-${FETCHED_FROM}`);
  if (!existsSync(directory)) fetchInto(directory);
  return commandIn(directory);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(() => void ensureEmulator());
