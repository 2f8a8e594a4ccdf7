/** The operands of `iso-run cp`, and where what is copied comes to lie. Pure. */
import { posix } from 'node:path';
import { IsoError } from '../lib/errors.js';

export interface ContainerPath {
  container: string;
  /** Absolute in the container. */
  path: string;
  /** Written with `/.` at its end: what is in the directory, not the directory. */
  contents: boolean;
}

export interface HostPath {
  /** As given; `-` is a tar stream. */
  path: string;
  contents: boolean;
}

export type CopyRequest = { from: ContainerPath; to: HostPath } | { from: HostPath; to: ContainerPath };

const hasContents = (text: string) => /(^|\/)\.$/.test(text);

/** `CONTAINER:PATH`; what begins with a slash or a dot, or has no colon, is a path of the host. */
function parsePath(text: string): ContainerPath | HostPath {
  const contents = hasContents(text);
  const [, container, path] = /^([^/.:][^/:]*):(.*)$/s.exec(text) ?? [];
  if (container === undefined || path === undefined) return { path: text, contents };
  return { container, path: posix.join('/', path), contents };
}

/** @throws IsoError usage.invalid */
export function parseCopy(source: string, destination: string): CopyRequest {
  const [from, to] = [parsePath(source), parsePath(destination)];
  const refuse = (why: string) => new IsoError('usage.invalid', `cannot copy ${source} to ${destination}`, why);
  if (from.path === '' || to.path === '') throw refuse('a path is empty');
  if ('container' in from && !('container' in to)) return { from, to };
  if (!('container' in from) && 'container' in to) return { from, to };
  throw refuse('one of the two, and one alone, has to be CONTAINER:PATH');
}

/** The name that a path has in the stream; `.` for the contents of a directory. */
export function nameOf({ path, contents }: HostPath): string {
  const name = posix.basename(path);
  return contents || name === '' || name === '..' ? '.' : name;
}
