/**
 * `iso-run cp`: a tar stream between a program of ours in the container (copy-program.ts), where every path leads to the
 * container's own files, and tar(1) on the host. What comes out of a container may be anything, so it is unpacked confined, into a new directory,
 * and what was asked for is moved from there.
 */
import { spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import type { OwnIdentity } from '../facts/own-identity.js';
import { DEST, firstComplaints, runTool } from '../image/confined-tools.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { CLEAN_ENV } from '../sys/exec.js';
import { type ContainerPath, type CopyRequest, type HostPath, nameOf } from './copy-paths.js';
import { runCopyProgram } from './copy-program.js';
import { recordLifecycle } from './end-container.js';
import type { LaunchStreams } from './launch-container.js';
import type { Container } from './records.js';

const failed = (what: string, why: string) => new IsoError('tool.failed', `cannot copy ${what}`, why);

const STREAM = { path: '-' };

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What a program complains of, bounded. */
function collectText(stream: Readable | null): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    if (text.length < 4096) text += chunk.toString('utf8');
  });
  return () => text.trim().split('\n')[0]?.slice(0, 1024) || 'it gave no reason';
}

/** Runs iso-copy in the container. @throws IsoError with what it complains of */
async function copyInside(
  identity: OwnIdentity,
  container: Container,
  args: readonly string[],
  { what, stdin, streams }: { what: string; stdin: boolean; streams: LaunchStreams },
): Promise<void> {
  if (container.record.label !== undefined) {
    throw new IsoError(
      'feature.missing',
      `cannot copy ${what}`,
      'SELinux lets no container run a program of the host',
      {
        hint: "use `iso-run exec` with the image's own tar",
      },
    );
  }
  let complaint = () => '';
  const watched: LaunchStreams = {
    ...streams,
    onSpawn: (launcher) => {
      if (streams.streams === 'pipe') complaint = collectText(launcher.stderr);
      streams.onSpawn?.(launcher);
    },
  };
  const code = await runCopyProgram(identity, container, args, { stdin, streams: watched });
  if (code !== 0) throw failed(what, complaint() || `iso-copy ended with status ${code}`);
}

/** A directory that its owner may not write to cannot be moved to another by that owner (rename(2)). */
function hasMoved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EACCES')) return false;
    throw error;
  }
}

/** Moves one name out of the new directory in `into`; a directory that is there gets what is new, and a link gives way. */
async function settle({ ids }: OwnIdentity, fresh: string, into: string, name: string): Promise<void> {
  const target = join(into, name);
  const isNew = !lstatSync(target, { throwIfNoEntry: false });
  if (isNew && hasMoved(join(fresh, name), target)) return;
  const paths = [`${DEST}/${basename(fresh)}/${name}`, `${DEST}/${name}`];
  const merge = ['/usr/bin/cp', '-rPT', '--remove-destination', '--preserve=mode,timestamps'];
  const argv = [...(isNew ? ['/usr/bin/mv', '-T'] : merge), '--', ...paths];
  const { status, stderr } = await runTool({ ids, directory: into }, argv);
  if (status !== 0) throw failed(`to ${target}`, firstComplaints(stderr) || `cp ended with status ${status}`);
}

/** Where on the host, which must be there, and under which name; none for the contents of a directory. */
function placeOnHost(from: ContainerPath, to: HostPath): { directory: string; name?: string } {
  const path = resolve(to.path);
  if (isDirectory(path)) {
    const name = nameOf(from);
    return { directory: realpathSync(path), ...(name === '.' ? {} : { name }) };
  }
  if (!isDirectory(dirname(path)) || to.path.endsWith('/')) {
    throw new IsoError('usage.invalid', `cannot copy to ${to.path}`, 'the directory is not there');
  }
  return { directory: realpathSync(dirname(path)), name: basename(path) };
}

async function copyOut(identity: OwnIdentity, container: Container, from: ContainerPath, to: HostPath): Promise<void> {
  const { directory, name } = placeOnHost(from, to);
  const what = `${from.container}:${from.path}`;
  const fresh = mkdtempSync(join(directory, '.iso-cp-'));
  try {
    const stream = new PassThrough();
    const argv = ['/usr/bin/tar', '-x', '-f', '-', '-C', DEST, '--no-same-owner', '--no-same-permissions'];
    const unpacking = runTool({ ids: identity.ids, directory: fresh }, argv, { stdin: stream });
    const streams: LaunchStreams = {
      streams: 'pipe',
      onSpawn: ({ stdin, stdout }) => {
        stdin?.end();
        stdout?.pipe(stream, { end: false });
      },
    };
    const packing = copyInside(identity, container, ['pack', from.path, name ?? '.'], { what, stdin: false, streams });
    const [packed, unpacked] = await Promise.allSettled([packing.finally(() => stream.end()), unpacking]);
    if (packed.status === 'rejected') throw packed.reason;
    if (unpacked.status === 'rejected') throw unpacked.reason;
    const { status, stderr } = unpacked.value;
    if (status !== 0) throw failed(what, firstComplaints(stderr) || `tar ended with status ${status}`);
    for (const one of name === undefined ? readdirSync(fresh) : [name]) await settle(identity, fresh, directory, one);
  } finally {
    await removeFresh(identity, directory, fresh);
  }
}

/** Modes of what came out may keep even their owner away. */
async function removeFresh({ ids }: OwnIdentity, directory: string, fresh: string): Promise<void> {
  try {
    rmSync(fresh, { recursive: true, force: true });
  } catch {
    await runTool({ ids, directory }, ['/usr/bin/rm', '-rf', '--', `${DEST}/${basename(fresh)}`]);
  }
}

/** tar(1) of the caller's own files, with the caller's own rights. */
function packHost(from: HostPath): { stdout: Readable; ended: Promise<string | undefined> } {
  const path = realpathSync(from.path);
  const [directory, name] = from.contents ? [path, '.'] : [dirname(path), basename(path)];
  const argv = ['-c', '-f', '-', '--format=gnu', '-C', directory, '--', name];
  const child = spawn('/usr/bin/tar', argv, { stdio: ['ignore', 'pipe', 'pipe'], env: CLEAN_ENV });
  const complaint = collectText(child.stderr);
  const ended = new Promise<string | undefined>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (code) => done(code === 0 ? undefined : complaint()));
  });
  return { stdout: child.stdout, ended };
}

async function copyIn(identity: OwnIdentity, container: Container, from: HostPath, to: ContainerPath): Promise<void> {
  const { record } = container;
  if (!statSync(from.path, { throwIfNoEntry: false })) {
    throw new IsoError('volume.missing', `cannot copy ${from.path}`, 'it is not there', { hint: 'correct the path' });
  }
  let packed: Promise<string | undefined> = Promise.resolve(undefined);
  const streams: LaunchStreams = {
    streams: 'pipe',
    onSpawn: ({ stdin, stdout }) => {
      stdout?.resume();
      const { stdout: stream, ended } = packHost(from);
      packed = ended;
      // The reader may end early; its complaint says why.
      if (stdin) pipeline(stream, stdin, () => undefined);
    },
  };
  const args = ['unpack', to.path, nameOf({ ...from, path: resolve(from.path) })];
  await copyInside(identity, container, args, { what: `to ${record.name}:${to.path}`, stdin: true, streams });
  const why = await packed;
  if (why !== undefined) throw failed(from.path, why);
}

/** @throws IsoError usage.invalid, container.state, feature.missing, tool.failed */
export async function copyContainer(identity: OwnIdentity, container: Container, request: CopyRequest): Promise<void> {
  const { from, to } = request;
  const streams: LaunchStreams = { streams: 'inherit' };
  if ('container' in from && !('container' in to)) {
    const what = `${from.container}:${from.path}`;
    const args = ['pack', from.path, nameOf(from)];
    if (to.path === STREAM.path) await copyInside(identity, container, args, { what, stdin: false, streams });
    else await copyOut(identity, container, from, to);
    recordLifecycle(container, 'container.copy', 'was copied from', {
      path: from.path.slice(0, 256),
      to: to.path.slice(0, 256),
    });
  } else if ('container' in to) {
    const args = ['unpack', to.path, '.'];
    const what = `to ${to.container}:${to.path}`;
    if (from.path === STREAM.path) await copyInside(identity, container, args, { what, stdin: true, streams });
    else await copyIn(identity, container, from, to);
    recordLifecycle(container, 'container.copy', 'was copied to', {
      path: to.path.slice(0, 256),
      from: from.path.slice(0, 256),
    });
  }
}
