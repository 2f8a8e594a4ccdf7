/** Launch plans back from bytes: of the plan cache, for the words about a launch that failed without Node; of a container. Pure. */
import { IsoError } from '../lib/errors.js';
import {
  type Composition,
  type LaunchPlan,
  OPS,
  type Op,
  type OpName,
  type Part,
  type PlannedOp,
  type RunValues,
  type Stage,
  type ValueName,
} from '../sys/launcher/ops.js';
import { decodeTokens } from '../sys/wire.js';

const invalid = (why: string) => new IsoError('plan.invalid', 'cannot read the plan of this launch', why);

/** Takes tokens one after the other; the front has checked the entry, and wrote the rest itself. */
export function reader(bytes: Buffer) {
  const tokens = decodeTokens(bytes);
  if (!tokens) throw invalid('it is cut off');
  let at = 0;
  const raw = (): Buffer => {
    const token = tokens[at];
    if (token === undefined) throw invalid('it is cut off');
    at += 1;
    return token;
  };
  const text = () => raw().toString('utf8');
  const list = <T>(one: () => T): T[] => Array.from({ length: Number(text()) }, one);
  const taken = () => tokens.slice(0, at);
  return { raw, text, list, taken };
}

export type Reader = ReturnType<typeof reader>;

/** What native/compose.h has for a value and for the words of the command, with the most of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the marks.
const MARKED = /([\x01\x03\x04])([^\x01-\x04:]*)(?::(\d+))?\x02/g;

function readComposition(token: string): Composition {
  const parts: Part[] = [];
  let at = 0;
  for (const { index, 0: whole, 1: mark, 2: name, 3: bound } of token.matchAll(MARKED)) {
    if (index > at) parts.push(token.slice(at, index));
    const most = bound === undefined ? {} : { most: Number(bound) };
    parts.push(
      mark === '\x01' ? { value: name as ValueName, ...most } : { list: mark === '\x03' ? 'json' : 'words', ...most },
    );
    at = index + whole.length;
  }
  if (at < token.length) parts.push(token.slice(at));
  return { parts };
}

/** Sets of capabilities and the limits of a resource may need all 64 bits. */
const isWide = (name: OpName, index: number) =>
  name === 'cap-bound' || name === 'caps' || (name === 'rlimit' && index > 0);

function readArgument(type: string, wide: boolean, { raw, text }: Reader): unknown {
  if (type === 'b') return raw();
  const token = text();
  if (type === 'c') return readComposition(token);
  if (type === 'n') return wide ? BigInt(token) : Number(token);
  return token.startsWith('$') ? { argument: token.slice(1) } : token.slice(1);
}

function readOp(from: Reader): Omit<PlannedOp, 'origin'> {
  const [stage, name] = [from.text(), from.text()];
  const row = OPS[name as OpName];
  if (!row) throw invalid(`there is no op ${name}`);
  const types = row[0] === '-' ? '' : row[0];
  const read = [...types].map((type, index) => readArgument(type, isWide(name as OpName, index), from));
  return { stage: stage as Stage, op: [name, ...read] as unknown as Op };
}

/** Magic, count and ops, without the options that they come from. */
export function readPlan(from: Reader): Omit<PlannedOp, 'origin'>[] {
  from.text();
  return from.list(() => readOp(from));
}

export function readEntry(bytes: Buffer): LaunchPlan {
  const from = reader(bytes);
  const pair = () => [from.text(), from.text()];
  from.text();
  from.text();
  from.list(pair);
  from.list(pair);
  from.list(from.text);
  for (let part = 0; part < 3; part += 1) from.text();
  from.list(from.text);
  from.list(pair);
  const ops = readPlan(reader(from.raw()));
  const origins = from.list(from.text);
  return ops.map((op, index) => ({ ...op, origin: origins[index] ?? '' }));
}

/** Values as the front writes them: count, then name and text of each. */
export function readValues(bytes: Buffer): RunValues {
  const from = reader(bytes);
  return from.list(() => [from.text(), from.text()] as const);
}
