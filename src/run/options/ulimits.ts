/** `--ulimit`: resource limits of the payload (getrlimit(2)). Pure. */
import { refuse } from './refuse.js';

export interface Ulimit {
  name: string;
  resource: number;
  soft: bigint;
  hard: bigint;
}

/** In the order of the kernel's numbers (asm-generic/resource.h). */
const RESOURCES = [
  ...['cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending'],
  ...['msgqueue', 'nice', 'rtprio', 'rttime'],
];
const INFINITY = 2n ** 64n - 1n;

function parseLimit(text: string): bigint | undefined {
  if (text === '-1' || text === 'unlimited') return INFINITY;
  return /^\d{1,18}$/.test(text) ? BigInt(text) : undefined;
}

/** `NAME=SOFT[:HARD]`. */
function parseUlimit(text: string): Ulimit {
  const option = `--ulimit ${text}`;
  const [, name = '', first = '', second = first] = /^(\w+)=([\w-]+)(?::([\w-]+))?$/.exec(text) ?? [];
  const [soft, hard] = [parseLimit(first), parseLimit(second)];
  if (soft === undefined || hard === undefined) throw refuse(option, 'it is not NAME=SOFT[:HARD] with numbers or -1');
  const resource = RESOURCES.indexOf(name.toLowerCase());
  if (resource < 0) throw refuse(option, `there is no limit of this name; there are ${RESOURCES.join(', ')}`);
  if (soft > hard) throw refuse(option, 'the soft limit is above the hard one');
  return { name: name.toLowerCase(), resource, soft, hard };
}

export function parseUlimits(texts: readonly string[]): Ulimit[] {
  const limits = texts.map(parseUlimit);
  const twice = limits.find(({ name }, index) => limits.findIndex((one) => one.name === name) !== index);
  if (twice) throw refuse('--ulimit', `${twice.name} is given twice`);
  return limits;
}
