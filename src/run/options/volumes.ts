/** `-v`: directories and files of the host, or volumes by name, and where they are seen. Pure. */
import { posix } from 'node:path';
import { parseDestination } from './destination.js';
import { refuse } from './refuse.js';

export interface Volume {
  /** Its number among the volumes of the command line. */
  index: number;
  /** Empty until a volume of a name has been found (named-volumes.ts). */
  source: string;
  /** A volume of the user's store; without a name, one of this container alone. */
  named?: { name?: string; adopts: boolean };
  /** A secret of the user's store. */
  secret?: boolean;
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
  ...Object.fromEntries(
    ['shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable'].map((word) => [word, PROPAGATION]),
  ),
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

const isName = (text: string) => !/^[./~]/.test(text) && !text.includes('/');

export function parseVolumeName(text: string, option: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(text)) return text;
  throw refuse(
    option,
    `'${text}' is no name of a volume: it has letters, digits, _ . and -, and begins with a letter or digit`,
  );
}

/**
 * A path of the host, where a relative one counts from the caller's directory, or the name of a volume. One that the
 * toolkit made is the containers' own, so it is labelled for all of them unless it is for this one alone.
 */
export function parseSource(
  text: string,
  words: readonly string[],
  caller: { readonly cwd: string },
  option: string,
): Pick<Volume, 'source' | 'named' | 'readOnly' | 'noExec' | 'relabel'> {
  if (text.includes('\0')) throw refuse(option, 'the source holds a NUL byte');
  if (isName(text)) {
    const named = {
      adopts: !words.includes('nocopy'),
      ...(text === '' ? {} : { name: parseVolumeName(text, option) }),
    };
    const own = words.filter((word) => word !== 'nocopy');
    return { source: '', named, relabel: 'shared', ...parseVolumeWords(own, option) };
  }
  const source = text.startsWith('/') ? posix.normalize(text) : posix.resolve(caller.cwd, text);
  return { source, ...parseVolumeWords(words, option) };
}

/** `[SOURCE:]DESTINATION[:ro]`. */
export function parseVolume(text: string, caller: { readonly cwd: string }, index = 0): Volume {
  const origin = `-v ${text}`;
  const [first = '', second, words = '', ...more] = text.split(':');
  const [source, destination] = second === undefined ? ['', first] : [first, second];
  if ((second !== undefined && source === '') || destination === '' || more.length > 0)
    throw refuse(origin, 'it is not [SOURCE:]DESTINATION[:OPTIONS]');
  return {
    index,
    ...parseSource(source, words === '' ? [] : words.split(','), caller, origin),
    destination: parseDestination(destination, origin),
    origin,
  };
}
