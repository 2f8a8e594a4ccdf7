/** `-v`: directories and files of the host, and where they are seen. Pure. */
import { posix } from 'node:path';
import { refuse } from './refuse.js';

export interface Volume {
  /** Its number on the command line. */
  index: number;
  source: string;
  destination: string;
  readOnly: boolean;
  /** `z`: for all containers of the user, `Z`: for this one alone. */
  relabel?: 'shared' | 'private';
  /** The option as it was given, for errors. */
  origin: string;
}

const VOLUME_WORDS = ['ro', 'rw', 'nosuid', 'nodev', 'z', 'Z'];

/** A volume there would stand in for devices, masks and what programs believe of the kernel. */
const OWN_FILE_SYSTEMS = ['/proc', '/sys', '/dev'];

const isBelow = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);

/** As in Podman and Docker. */
function relabelling(options: readonly string[]): Pick<Volume, 'relabel'> {
  if (options.includes('Z')) return { relabel: 'private' };
  return options.includes('z') ? { relabel: 'shared' } : {};
}

/** `SOURCE:DESTINATION[:ro]`; a relative source counts from the caller's directory, as Podman reads it. */
export function parseVolume(text: string, caller: { readonly cwd: string }, index = 0): Volume {
  const origin = `-v ${text}`;
  const [source = '', destination = '', words = '', ...more] = text.split(':');
  if (source === '' || destination === '' || more.length > 0)
    throw refuse(origin, 'it is not SOURCE:DESTINATION[:OPTIONS]');
  if (!/^[./~]/.test(source) && !source.includes('/'))
    throw refuse(origin, 'a source must be a path; named volumes do not exist yet');
  if (!destination.startsWith('/')) throw refuse(origin, 'the destination must be an absolute path');
  const target = posix.normalize(destination);
  if (target === '/' || target.split('/').includes('..')) throw refuse(origin, 'the destination must lie below /');
  if (OWN_FILE_SYSTEMS.some((path) => isBelow(target, path)) && !isBelow(target, '/dev/shm'))
    throw refuse(origin, 'the destination lies in a file system that the container has of its own');
  const options = words === '' ? [] : words.split(',');
  const unknown = options.find((word) => !VOLUME_WORDS.includes(word));
  if (unknown !== undefined) throw refuse(origin, `the volume option '${unknown}' is unknown`);
  return {
    index,
    source: source.startsWith('/') ? posix.normalize(source) : posix.resolve(caller.cwd, source),
    destination: target.replace(/\/$/, ''),
    readOnly: options.includes('ro'),
    ...relabelling(options),
    origin,
  };
}

const depth = ({ destination }: Volume) => destination.split('/').length;

/** Outer destinations first, whatever the order of the options: a later outer one would cover an inner one. */
export function parseVolumes(texts: readonly string[], caller: { readonly cwd: string }): Volume[] {
  const volumes = texts.map((text, index) => parseVolume(text, caller, index));
  const seen = new Set<string>();
  for (const { destination, origin } of volumes) {
    if (seen.has(destination)) throw refuse(origin, `another volume has the destination ${destination}`);
    seen.add(destination);
  }
  return volumes.sort((a, b) => depth(a) - depth(b));
}
