/** `-v`: directories and files of the host, and where they are seen. Pure. */
import { posix } from 'node:path';
import { parseDestination } from './destination.js';
import { refuse } from './refuse.js';

export interface Volume {
  /** Its number among the volumes of the command line. */
  index: number;
  source: string;
  destination: string;
  readOnly: boolean;
  noExec: boolean;
  /** `z`: for all containers of the user, `Z`: for this one alone. */
  relabel?: 'shared' | 'private';
  /** The option as it was given, for errors. */
  origin: string;
}

/** Words that say what is so in any case: mounts are bound with all below them, and nothing propagates. */
const VOLUME_WORDS = [
  'ro',
  'rw',
  'nosuid',
  'nodev',
  'noexec',
  'exec',
  'z',
  'Z',
  'bind',
  'rbind',
  'private',
  'rprivate',
];
const PROPAGATION = 'a container whose mounts came and went with those of the host would not be closed off from it';
/** Words of Podman's and Docker's that have no place here, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['shared', 'rshared', 'slave', 'rslave', 'unbindable'].map((word) => [word, PROPAGATION])),
  ...Object.fromEntries(['suid', 'dev'].map((word) => [word, 'no volume has devices or set-id programs'])),
  U: 'files of the host do not change their owner for a container',
  O: 'a volume has no layer of its own; use :ro',
  idmap: 'the kernel refuses id-mapped mounts of the host to a user',
};

/** As in Podman and Docker. */
function relabelling(words: readonly string[]): Pick<Volume, 'relabel'> {
  if (words.includes('Z')) return { relabel: 'private' };
  return words.includes('z') ? { relabel: 'shared' } : {};
}

/** What the words after a volume say. */
export function parseVolumeWords(
  words: readonly string[],
  option: string,
): Pick<Volume, 'readOnly' | 'noExec' | 'relabel'> {
  for (const word of words) {
    const why = REFUSED[word];
    if (Object.hasOwn(REFUSED, word)) throw refuse(option, `the volume option '${word}' is refused: ${why}`);
    if (!VOLUME_WORDS.includes(word)) throw refuse(option, `the volume option '${word}' is unknown`);
  }
  const both = [
    ['ro', 'rw'],
    ['exec', 'noexec'],
    ['z', 'Z'],
  ].find((pair) => pair.every((word) => words.includes(word)));
  if (both) throw refuse(option, `'${both[0]}' and '${both[1]}' exclude each other`);
  return { readOnly: words.includes('ro'), noExec: words.includes('noexec'), ...relabelling(words) };
}

/** An absolute path of the host; a relative one counts from the caller's directory, as Podman reads it. */
export function parseSource(text: string, caller: { readonly cwd: string }, option: string): string {
  if (text.includes('\0')) throw refuse(option, 'the source holds a NUL byte');
  if (!/^[./~]/.test(text) && !text.includes('/'))
    throw refuse(option, 'a source must be a path; named volumes do not exist yet');
  return text.startsWith('/') ? posix.normalize(text) : posix.resolve(caller.cwd, text);
}

/** `SOURCE:DESTINATION[:ro]`. */
export function parseVolume(text: string, caller: { readonly cwd: string }, index = 0): Volume {
  const origin = `-v ${text}`;
  const [source = '', destination = '', words = '', ...more] = text.split(':');
  if (source === '' || destination === '' || more.length > 0)
    throw refuse(origin, 'it is not SOURCE:DESTINATION[:OPTIONS]');
  return {
    index,
    source: parseSource(source, caller, origin),
    destination: parseDestination(destination, origin),
    ...parseVolumeWords(words === '' ? [] : words.split(','), origin),
    origin,
  };
}
