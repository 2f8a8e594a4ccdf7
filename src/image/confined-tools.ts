/**
 * What is done to files of foreign making or of subordinate ids: by the host's own tools, as root of a user namespace
 * in a file system that holds /usr and the one directory concerned (THREATS R26, R27).
 */
import type { Readable } from 'node:stream';
import { IsoError } from '../lib/errors.js';
import type { IdMappings } from '../lib/id-mapping.js';
import { runConfined } from '../sys/launcher/confined.js';
import { compileFilter } from '../sys/libseccomp.js';
import type { Compression } from './archive-format.js';
import { toolFilters } from './tool-filter.js';

/** Where a tool finds its directory. */
export const DEST = '/dest';

/** A dictionary larger than any preset needs is there to take memory. */
const XZ_MEMORY = '1GiB';

const DECOMPRESS: Record<Compression, string[]> = {
  none: [],
  gzip: ['--use-compress-program=gzip'],
  xz: [`--use-compress-program=xz --memlimit-decompress=${XZ_MEMORY}`],
  zstd: ['--use-compress-program=zstd'],
};

/** Programs beside tar that a compression needs, and the Debian package of each. */
export const DECOMPRESSORS: Record<Compression, { file: string; package: string } | undefined> = {
  none: undefined,
  gzip: { file: '/usr/bin/gzip', package: 'gzip' },
  xz: { file: '/usr/bin/xz', package: 'xz-utils' },
  zstd: { file: '/usr/bin/zstd', package: 'zstd' },
};

/**
 * Warnings of tar that say nothing about the archive's worth are off; any other word of it, also one that it calls a
 * warning (an absolute name made relative, say), means that the tree is not what the archive says, and refuses it.
 * Extended attributes stay out: file capabilities have no effect on the nosuid mounts of a container, and the rest
 * could speak to overlay file systems.
 */
const EXTRACT = [
  '--extract',
  '--file=-',
  `--directory=${DEST}`,
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--delay-directory-restore',
  '--no-xattrs',
  '--no-acls',
  '--no-selinux',
  '--warning=no-timestamp',
  '--warning=no-unknown-keyword',
  '--anchored',
  '--exclude=./dev/*',
  '--exclude=dev/*',
];

/** Whiteouts of overlay file systems are character devices 0:0, which any user may make, and names that begin with `.wh.`. */
const FORBIDDEN = ['(', '-type', 'b', '-o', '-type', 'c', '-o', '-name', '.wh.*', ')', '-printf', '%y %P', '-quit'];

interface Tools {
  ids: IdMappings;
  /** Seen by the tools as /dest. */
  directory: string;
}

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

let compiled: { main: Uint8Array; quiet: Uint8Array } | undefined;

function compileFilters(): { main: Uint8Array; quiet: Uint8Array } {
  const { main, quiet } = toolFilters();
  return { main: compileFilter(main), quiet: compileFilter(quiet) };
}

/** Compiled once a command: it takes milliseconds. */
function filters(): { main: Uint8Array; quiet: Uint8Array } {
  compiled ??= compileFilters();
  return compiled;
}

/** Runs a tool of the host on one directory; the only other thing that it sees is /usr. */
export function runTool(
  { ids, directory }: Tools,
  argv: string[],
  options: { stdin?: Readable; signal?: AbortSignal } = {},
): Promise<Outcome> {
  const binds = [{ source: directory, target: DEST, writable: true }];
  return runConfined({ ids, argv, binds, seccomp: filters(), ...options });
}

async function demand(tools: Tools, argv: string[]): Promise<string> {
  const { status, stdout, stderr } = await runTool(tools, argv);
  if (status === 0) return stdout;
  const why = firstComplaints(stderr) || 'it printed no reason';
  throw new IsoError('tool.failed', `${argv[0]} exited with status ${status} in ${tools.directory}`, why);
}

const NO_REASON = /: (Exiting with failure status due to previous errors|Error is not recoverable: exiting now)$/;

/** The first things that a tool complained of, each once, without what it says in any case. Pure. */
export function firstComplaints(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim().replace(/^\/usr\/bin\//, ''));
  const reasons = new Set(lines.filter((line) => line !== '' && !NO_REASON.test(line)));
  return [...reasons].slice(0, 3).join('; ').slice(0, 1000);
}

/**
 * Extracts into the directory with GNU tar; no file may become larger than `maxFileBytes`. Nodes below dev/ are left
 * out, since every container gets a /dev of its own. `signal` kills tar. Gives why the archive is refused, undefined when it is extracted.
 */
export async function extractTar(
  tools: Tools,
  archive: { compression: Compression; bytes: Readable },
  maxFileBytes: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limited = ['/usr/bin/prlimit', `--fsize=${maxFileBytes}`, '--core=0', '/usr/bin/tar'];
  const argv = [...limited, ...EXTRACT, ...DECOMPRESS[archive.compression]];
  const { status, stderr } = await runTool(tools, argv, { stdin: archive.bytes, signal });
  if (status === 0 && stderr.trim() === '') return undefined;
  return firstComplaints(stderr) || `tar ended with status ${status}`;
}

/** The first device node or whiteout of the tree, as find(1) types and names it. */
export async function findForbidden(tools: Tools): Promise<string | undefined> {
  return (await demand(tools, ['/usr/bin/find', DEST, '-mindepth', '1', ...FORBIDDEN])) || undefined;
}

/** Disk bytes and number of entries of the tree. */
export async function measureTree(tools: Tools): Promise<{ bytes: number; entries: number }> {
  const first = (text: string) => Number.parseInt(text, 10);
  return {
    bytes: first(await demand(tools, ['/usr/bin/du', '--summarize', '--block-size=1', DEST])),
    entries: first(await demand(tools, ['/usr/bin/du', '--summarize', '--inodes', DEST])),
  };
}

/** Gives the tree's root directory back to the user, whatever the archive said, so that it can be renamed and opened. */
export async function ownRoot(tools: Tools): Promise<void> {
  await demand(tools, ['/usr/bin/chown', '+0:+0', DEST]);
  await demand(tools, ['/usr/bin/chmod', '0755', DEST]);
}

/** Writes the tree to the disk, so that no record ever names a layer that a power cut emptied. */
export async function flushTree(tools: Tools): Promise<void> {
  await demand(tools, ['/usr/bin/sync', '--file-system', DEST]);
}

/** Removes everything in the directory, whichever of the user's ids owns it. */
export async function emptyDirectory(tools: Tools): Promise<void> {
  await demand(tools, ['/usr/bin/find', DEST, '-mindepth', '1', '-delete']);
}
