/** Base images from the host's own packages: a tree or a Debian made into an archive, which is imported as any other. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { run } from '../sys/exec.js';
import { parseApplets, parseVersion, planTree, type TreeEntry } from './busybox-tree.js';
import { isStaticElf } from './elf.js';
import { type ImportRequest, type ImportResult, importImage } from './import.js';
import { parseReference } from './reference.js';
import { type Workspace, withWorkspace } from './workspace.js';

const BUSYBOX = '/bin/busybox';
const MMDEBSTRAP = '/usr/bin/mmdebstrap';
const SUITE = /^[a-z][a-z0-9-]{0,31}$/;
const ELF_HEAD_BYTES = 64 * 1024;
const ANY_STATUS = Array.from({ length: 256 }, (_, status) => status);
const MMDEBSTRAP_MS = 60 * 60_000;

type BootstrapRequest = Omit<ImportRequest, 'file' | 'source'> & {
  /** A Debian suite; BusyBox when absent. */
  suite?: string;
  /** Let mmdebstrap write its progress to our standard error. */
  showOutput: boolean;
};

function requireStaticBusybox(what: string): void {
  const hint = 'apt-get install busybox-static';
  if (!existsSync(BUSYBOX)) throw new IsoError('tool.missing', what, `${BUSYBOX} does not exist`, { hint });
  const head = Buffer.alloc(ELF_HEAD_BYTES);
  const fd = openSync(BUSYBOX, constants.O_RDONLY);
  try {
    const length = readSync(fd, head, 0, head.length, 0);
    if (isStaticElf(head.subarray(0, length)) === true) return;
  } finally {
    closeSync(fd);
  }
  throw new IsoError('tool.missing', what, `${BUSYBOX} is not linked statically, so it cannot run alone`, { hint });
}

/** Modes are set apart from creation, where the umask would have a say. */
function makeTree(root: string, entries: readonly TreeEntry[]): void {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.kind === 'link') {
      symlinkSync(entry.target, path);
      continue;
    }
    if (entry.kind === 'directory') mkdirSync(path);
    else if (entry.kind === 'file') writeFileSync(path, entry.text);
    else copyFileSync(entry.source, path);
    chmodSync(path, entry.mode);
  }
}

/** The same tree gives the same bytes, and so the same digest, whoever makes it and when. */
async function packTree(root: string, file: string): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  await run('/usr/bin/tar', ['--create', ...same, `--file=${file}`, `--directory=${root}`, '--', '.']);
}

async function makeBusyboxArchive(workspace: Workspace, file: string, what: string): Promise<string> {
  requireStaticBusybox(what);
  const version = parseVersion((await run(BUSYBOX, [])).stdout);
  const applets = parseApplets((await run(BUSYBOX, ['--list-full'])).stdout);
  makeTree(workspace.root, planTree(BUSYBOX, version, applets));
  await packTree(workspace.root, file);
  return `${BUSYBOX} ${version} of this host`;
}

/** What apt and mmdebstrap mark as errors; the cause comes first, the last lines only tell of the end. Pure. */
function firstErrors(stderr: string): string {
  const errors = stderr.split('\n').filter((line) => line.startsWith('E: '));
  return errors.slice(0, 2).join('; ').replaceAll('E: ', '').slice(0, 1000) || 'it printed no reason';
}

async function makeDebianArchive(
  file: string,
  what: string,
  suite: string,
  request: BootstrapRequest,
): Promise<string> {
  if (!SUITE.test(suite)) {
    throw new IsoError('usage.invalid', `cannot use ${JSON.stringify(suite)} as a suite`, 'it is no suite name', {
      hint: 'use a name like bookworm or trixie',
    });
  }
  if (!existsSync(MMDEBSTRAP)) {
    throw new IsoError('tool.missing', what, `${MMDEBSTRAP} does not exist`, { hint: 'apt-get install mmdebstrap' });
  }
  const ended = await run(MMDEBSTRAP, ['--mode=unshare', '--variant=minbase', '--format=tar', '--', suite, file], {
    accept: ANY_STATUS,
    timeoutMs: MMDEBSTRAP_MS,
    showStderr: request.showOutput,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  if (ended.exitCode !== 0) {
    throw new IsoError('tool.failed', what, `mmdebstrap: ${firstErrors(ended.stderr)}`, {
      hint: `check that this host's package sources have the suite ${suite} and can be reached`,
    });
  }
  return `mmdebstrap ${suite}`;
}

/**
 * Makes a base image.
 * @throws IsoError as importImage does; tool.missing naming the package, tool.failed with mmdebstrap's last words
 */
export async function bootstrapImage(identity: OwnIdentity, request: BootstrapRequest): Promise<ImportResult> {
  const what = `cannot make the image ${parseReference(request.name)}`;
  return await withWorkspace(identity, async (workspace) => {
    const file = join(workspace.path, 'archive.tar');
    const { suite } = request;
    const source =
      suite === undefined
        ? await makeBusyboxArchive(workspace, file, what)
        : await makeDebianArchive(file, what, suite, request);
    return await importImage(identity, { ...request, file, source });
  });
}
