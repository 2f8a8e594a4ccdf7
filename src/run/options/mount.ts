/** `--mount type=bind|volume|tmpfs,…`, and all mounts of a command line together. Pure. */
import { parseDestination } from './destination.js';
import { refuse } from './refuse.js';
import { parseTimezone, type ZoneFlags } from './timezone.js';
import { makeTmpfs, parseTmpfs, type Tmpfs } from './tmpfs.js';
import { parseSource, parseVolume, type Volume } from './volumes.js';

interface Caller {
  readonly cwd: string;
}

/** Names of a key that Docker and Podman take for the same. */
const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'destination',
  target: 'destination',
  ro: 'readonly',
};
const KEYS: Readonly<Record<string, readonly string[]>> = {
  bind: ['type', 'source', 'destination', 'readonly', 'relabel', 'bind-propagation'],
  volume: ['type', 'source', 'destination', 'readonly', 'relabel'],
  tmpfs: ['type', 'destination', 'readonly', 'tmpfs-size', 'tmpfs-mode'],
};
const TYPES: Readonly<Record<string, string>> = {
  image: 'an image is not mounted into another',
  devpts: 'the container has terminals of its own',
  ramfs: 'memory without a bound; use type=tmpfs',
  glob: 'each directory is named; give one --mount for each',
};

/** Keys with their values; a key alone is a flag. */
function parseFields(text: string, option: string): Map<string, string> {
  if (text.includes('"')) throw refuse(option, 'quotes are not read; a path with a comma can be given with -v');
  const fields = new Map<string, string>();
  for (const field of text.split(',')) {
    const [, word = '', value = 'true'] = /^([a-z-]+)(?:=(.*))?$/s.exec(field) ?? [];
    if (word === '') throw refuse(option, `'${field}' is not KEY=VALUE`);
    const key = Object.hasOwn(ALIASES, word) ? (ALIASES[word] ?? word) : word;
    if (fields.has(key)) throw refuse(option, `${key} is given twice`);
    fields.set(key, value);
  }
  return fields;
}

function parseReadOnly(fields: ReadonlyMap<string, string>, option: string): string[] {
  const value = fields.get('readonly') ?? 'false';
  if (value === 'true') return ['ro'];
  if (value === 'false') return [];
  throw refuse(option, `readonly is true or false, not '${value}'`);
}

function parseType(fields: ReadonlyMap<string, string>, option: string): 'bind' | 'volume' | 'tmpfs' {
  const type = fields.get('type') ?? 'volume';
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') {
    throw refuse(
      option,
      Object.hasOwn(TYPES, type) ? `type=${type} is refused: ${TYPES[type]}` : `there is no type ${type}`,
    );
  }
  const odd = [...fields.keys()].find((key) => !KEYS[type]?.includes(key));
  if (odd !== undefined) throw refuse(option, `type=${type} has no key '${odd}'`);
  return type;
}

function relabelWords(fields: ReadonlyMap<string, string>, option: string): string[] {
  const relabel = fields.get('relabel');
  if (relabel === undefined) return [];
  if (relabel === 'shared' || relabel === 'private') return [relabel === 'shared' ? 'z' : 'Z'];
  throw refuse(option, `relabel is shared or private, not '${relabel}'`);
}

/** Whether it is allowed is said with the other words of a volume. */
function propagationWords(fields: ReadonlyMap<string, string>, option: string): string[] {
  const propagation = fields.get('bind-propagation') ?? 'rprivate';
  if (/^r?(private|shared|slave|unbindable)$/.test(propagation)) return [propagation];
  throw refuse(option, `there is no bind-propagation '${propagation}'`);
}

function parseMount(text: string, caller: Caller, index: number): Volume | Tmpfs {
  const origin = `--mount ${text}`;
  const fields = parseFields(text, origin);
  const type = parseType(fields, origin);
  const destination = fields.get('destination');
  if (destination === undefined) throw refuse(origin, 'the destination is missing');
  const readOnly = parseReadOnly(fields, origin);
  if (type === 'tmpfs') {
    const [size, mode] = [fields.get('tmpfs-size'), fields.get('tmpfs-mode')];
    const settings = [size === undefined ? [] : `size=${size}`, mode === undefined ? [] : `mode=${mode}`].flat();
    return makeTmpfs(destination, [...readOnly, ...settings], origin);
  }
  const source = fields.get('source') ?? '';
  if (type === 'bind' && source === '') throw refuse(origin, 'the source is missing');
  const words = [...readOnly, ...relabelWords(fields, origin), ...propagationWords(fields, origin)];
  const parsed = parseSource(source, words, caller, origin);
  if ((parsed.named === undefined) !== (type === 'bind'))
    throw refuse(origin, `type=bind has a path and type=volume a name, and '${source}' is the other`);
  return { index, ...parsed, destination: parseDestination(destination, origin), origin };
}

export interface Mounts {
  volumes: Volume[];
  tmpfs: Tmpfs[];
}

interface MountFlags extends ZoneFlags {
  volume?: string[];
  mount?: string[];
  tmpfs?: string[];
}

/** Volumes of `-v` have the numbers before those of `--mount`. */
export function parseMounts(flags: MountFlags, caller: Caller): Mounts {
  const volumes = (flags.volume ?? []).map((text, index) => parseVolume(text, caller, index));
  const tmpfs = (flags.tmpfs ?? []).map(parseTmpfs);
  for (const text of flags.mount ?? []) {
    const mount = parseMount(text, caller, volumes.length);
    if ('source' in mount) volumes.push(mount);
    else tmpfs.push(mount);
  }
  volumes.push(...parseTimezone(flags, volumes.length));
  const seen = new Set<string>();
  for (const { destination, origin } of [...volumes, ...tmpfs]) {
    if (seen.has(destination)) throw refuse(origin, `another volume has the destination ${destination}`);
    seen.add(destination);
  }
  return { volumes, tmpfs };
}
