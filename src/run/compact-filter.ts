/**
 * A system-call filter as libseccomp(3) lays it out, which compares a call's number with one after the other, to the same
 * filter over ranges of numbers. The kernel translates every instruction anew at every launch, and this is a third of them.
 * Pure.
 */
import {
  ARCH,
  decodeProgram,
  EQUAL,
  encodeProgram,
  GREATER_OR_EQUAL,
  type Instruction,
  JUMP,
  LOAD,
  NUMBER,
  type Program,
  REACH,
  RETURN,
  spread,
  tail,
} from './bpf.js';

/** A verdict, or a look at an argument: what comes then is kept as it is. */
const isOutcome = ({ code, k }: Instruction) => code === RETURN || (code === LOAD && k !== NUMBER);
const loadsNumber = ({ code, k }: Instruction) => code === LOAD && k === NUMBER;

interface Range {
  from: number;
  /** Instructions of the outcome. */
  outcome: readonly Instruction[];
  /** Equal outcomes have equal texts. */
  text: string;
}

/** How calls come out by their number; none when that depends on more. */
function ranges(program: Program, start: number): Range[] {
  const all = [...(spread(program, start, isOutcome) ?? [])].flatMap(([at, values]) => {
    const outcome = tail(program, at);
    const text = encodeProgram(outcome).toString('latin1');
    return values.map(([from]) => ({ from, outcome, text }));
  });
  all.sort((a, b) => a.from - b.from);
  return all.filter(({ text }, index) => text !== all[index - 1]?.text);
}

/** A search among ranges, then their outcomes, each once. */
function search(found: readonly Range[]): Instruction[] {
  const outcomes = new Map(found.map(({ text, outcome }) => [text, outcome]));
  const places = new Map<string, number>();
  let end = found.length - 1;
  for (const [text, outcome] of outcomes) {
    places.set(text, end);
    end += outcome.length;
  }
  const nodes: Instruction[] = [];
  /** Where the ranges from `low` to before `high` are decided. */
  const place = (low: number, high: number): number => {
    if (high - low === 1) return places.get(found[low]?.text ?? '') ?? 0;
    const [at, middle] = [nodes.length, (low + high) >> 1];
    const node = { code: GREATER_OR_EQUAL, jt: 0, jf: 0, k: found[middle]?.from ?? 0 };
    nodes.push(node);
    node.jf = place(low, middle) - at - 1;
    node.jt = place(middle, high) - at - 1;
    return at;
  };
  place(0, found.length);
  return [...nodes, ...[...outcomes.values()].flat()];
}

interface Block {
  /** Undefined: all that the program does not know. */
  arch: number | undefined;
  code: readonly Instruction[];
}

/** The program by architecture, which it asks for first and once; undefined when it is laid out in another way. */
function blocksOf(program: Program): Block[] | undefined {
  if (program.findLastIndex(({ code, k }) => code === LOAD && k === ARCH) !== 0) return undefined;
  const ends = [...(spread(program, 1, (one) => loadsNumber(one) || one.code === RETURN) ?? [])];
  const blocks = ends.flatMap(([start, values]) => {
    const found = ranges(program, start);
    const code = found.length === 0 ? [] : [{ code: LOAD, jt: 0, jf: 0, k: NUMBER }, ...search(found)];
    const known = values.filter(([low, high]) => low === high).map(([arch]): Block => ({ arch, code }));
    return known.length === values.length ? known : [...known, { arch: undefined, code }];
  });
  const isWhole = blocks.filter(({ arch }) => arch === undefined).length === 1;
  return isWhole && blocks.every(({ code }) => code.length > 0) ? blocks : undefined;
}

function join(blocks: readonly Block[]): Instruction[] {
  const known = blocks.flatMap(({ arch, code }) => (arch === undefined ? [] : [{ arch, code }]));
  const others = blocks.flatMap(({ arch, code }) => (arch === undefined ? code : []));
  const head: Instruction[] = [{ code: LOAD, jt: 0, jf: 0, k: ARCH }];
  let block = 1 + 2 * known.length + others.length;
  for (const { arch, code } of known) {
    head.push({ code: EQUAL, jt: 0, jf: 1, k: arch }, { code: JUMP, jt: 0, jf: 0, k: block - head.length - 2 });
    block += code.length;
  }
  return [...head, ...others, ...known.flatMap(({ code }) => code)];
}

/** The same filter in fewer instructions, or as it is where that cannot be. */
export function compactFilter(bytes: Buffer): Buffer {
  const program = decodeProgram(bytes);
  const result = join(blocksOf(program) ?? []);
  const isBetter = result.length > 1 && result.length < program.length;
  return isBetter && result.every(({ jt, jf }) => jt <= REACH && jf <= REACH) ? encodeProgram(result) : bytes;
}
