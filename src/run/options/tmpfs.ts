/** `--tmpfs` and `--shm-size`: file systems in memory. Pure. */
import { parseSize } from '../../lib/units.js';
import { parseDestination } from './destination.js';
import { refuse } from './refuse.js';

export interface Tmpfs {
  destination: string;
  /** As mount_setattr(2) has them, by name. */
  attributes: string;
  /** The file system's own options (tmpfs(5)). */
  settings: string;
  origin: string;
}

const COPY = 'what the image has there is not copied: the directory begins empty';
const REFUSED: Readonly<Record<string, string>> = {
  suid: 'no mount has set-id programs',
  dev: 'no mount has devices of its own',
  tmpcopyup: COPY,
};
/** What is so in any case, or is said otherwise by leaving it out. */
const PLAIN = ['rw', 'nosuid', 'nodev', 'notmpcopyup', 'ro', 'exec', 'noexec'];

/** Bytes, or a share of the host's memory in percent; 0 bounds nothing. */
function parseTmpfsSize(text: string, option: string): string {
  const share = /^(\d{1,3})%$/.exec(text);
  if (share && Number(share[1]) >= 1 && Number(share[1]) <= 100) return text;
  const bytes = parseSize(text);
  if (bytes === undefined) throw refuse(option, `the size ${text} is not one such as 64m`);
  return String(bytes);
}

function parseSetting(word: string, option: string): string {
  const [, name = '', value = ''] = /^(\w+)=(.*)$/s.exec(word) ?? [];
  if (name === 'size') return `size=${parseTmpfsSize(value, option)}`;
  if (name === 'mode' && /^[0-7]{3,4}$/.test(value)) return `mode=${value}`;
  if (['uid', 'gid', 'nr_inodes'].includes(name) && /^\d{1,9}$/.test(value)) return `${name}=${value}`;
  throw refuse(option, `the tmpfs option '${word}' is unknown or has no such value`);
}

/** A file system with these words of mount(8); programs in it are not executed unless `exec` is among them. */
export function makeTmpfs(destination: string, words: readonly string[], option: string): Tmpfs {
  for (const word of words) {
    if (Object.hasOwn(REFUSED, word)) throw refuse(option, `the tmpfs option '${word}' is refused: ${REFUSED[word]}`);
  }
  const settings = words.filter((word) => !PLAIN.includes(word)).map((word) => parseSetting(word, option));
  const names = settings.map((setting) => setting.slice(0, setting.indexOf('=')));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(option, `${twice} is given twice`);
  return {
    destination: parseDestination(destination, option),
    attributes: [
      words.includes('ro') ? 'ro' : 'rw',
      'nosuid',
      'nodev',
      ...(words.includes('exec') ? [] : ['noexec']),
    ].join(','),
    settings: (names.includes('mode') ? settings : ['mode=1777', ...settings]).join(','),
    origin: option,
  };
}

/** `PATH[:OPTIONS]`. */
export function parseTmpfs(text: string): Tmpfs {
  const option = `--tmpfs ${text}`;
  const [destination = '', words = '', ...more] = text.split(':');
  if (destination === '' || more.length > 0) throw refuse(option, 'it is not PATH[:OPTIONS]');
  return makeTmpfs(destination, words === '' ? [] : words.split(','), option);
}

/** Bytes of /dev/shm; 0 bounds nothing. */
export function parseShmSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw refuse(`--shm-size ${text}`, 'it is not a size such as 64m');
  return bytes;
}
