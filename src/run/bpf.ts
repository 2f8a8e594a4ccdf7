/** Programs for seccomp(2): classic BPF (bpf_check_classic in the kernel), whose jumps lead forward only. Pure. */

export interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}
export type Program = readonly Instruction[];
/** Both ends belong to it. */
type Interval = [number, number];

/** <linux/bpf_common.h>: load a word of struct seccomp_data, jump, compare with a constant, return. */
export const LOAD = 0x20;
export const JUMP = 0x05;
export const EQUAL = 0x15;
const GREATER = 0x25;
export const GREATER_OR_EQUAL = 0x35;
export const RETURN = 0x06;
const JUMP_CLASS = 5;
const COMPARISONS = [EQUAL, GREATER, GREATER_OR_EQUAL];
/** Offsets in struct seccomp_data. */
export const NUMBER = 0;
export const ARCH = 4;
/** How far a comparison can jump. */
export const REACH = 255;

export function decodeProgram(bytes: Buffer): Program {
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: bytes.readUInt16LE(index * 8),
    jt: bytes.readUInt8(index * 8 + 2),
    jf: bytes.readUInt8(index * 8 + 3),
    k: bytes.readUInt32LE(index * 8 + 4),
  }));
}

export function encodeProgram(program: Program): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  }
  return bytes;
}

/** Of a set of values those for which a comparison holds, and the others. */
function split({ code, k }: Instruction, values: readonly Interval[]): [Interval[], Interval[]] {
  const from = code === GREATER ? k + 1 : k;
  const to = code === EQUAL ? k : 0xffff_ffff;
  const holds: Interval[] = [];
  const others: Interval[] = [];
  for (const value of values) {
    const [low, high] = value;
    if (high < from || low > to) {
      others.push(value);
      continue;
    }
    if (low < from) others.push([low, from - 1]);
    holds.push([Math.max(low, from), Math.min(high, to)]);
    if (high > to) others.push([to + 1, high]);
  }
  return [holds, others];
}

/**
 * Of all values which lead where, from one instruction on, if each comparison is with the same one; undefined when something
 * else is done on the way.
 */
export function spread(
  program: Program,
  start: number,
  isEnd: (one: Instruction) => boolean,
): Map<number, Interval[]> | undefined {
  const arriving = new Map<number, Interval[]>([[start, [[0, 0xffff_ffff]]]]);
  const ends = new Map<number, Interval[]>();
  for (const [at, one] of program.entries()) {
    const values = arriving.get(at) ?? [];
    if (values.length === 0) continue;
    const send = (to: number, part: Interval[]) => {
      const there = arriving.get(to);
      if (there) there.push(...part);
      else arriving.set(to, part);
    };
    if (isEnd(one)) ends.set(at, values);
    else if (one.code === JUMP) send(at + 1 + one.k, values);
    else if (one.code === LOAD && one.k === NUMBER) send(at + 1, values);
    else if (!COMPARISONS.includes(one.code)) return undefined;
    else {
      const [holds, others] = split(one, values);
      send(at + 1 + one.jt, holds);
      send(at + 1 + one.jf, others);
    }
  }
  return ends;
}

/** What is reached from an instruction, in order. */
function reached(program: Program, start: number): number[] {
  const found = new Set([start]);
  for (const [at, one] of program.entries()) {
    if (!found.has(at) || one.code === RETURN) continue;
    if (one.code === JUMP) found.add(at + 1 + one.k);
    else if ((one.code & 7) === JUMP_CLASS) found.add(at + 1 + one.jt).add(at + 1 + one.jf);
    else found.add(at + 1);
  }
  return [...found].sort((a, b) => a - b);
}

/** The part of a program from an instruction on, alone. */
export function tail(program: Program, start: number): Instruction[] {
  const kept = reached(program, start);
  const place = new Map(kept.map((at, index) => [at, index]));
  return kept.flatMap((at, index) => {
    const one = program[at];
    if (!one) return [];
    const moved = (offset: number) => (place.get(at + 1 + offset) ?? 0) - index - 1;
    if (one.code === JUMP) return { ...one, k: moved(one.k) };
    return (one.code & 7) === JUMP_CLASS ? { ...one, jt: moved(one.jt), jf: moved(one.jf) } : one;
  });
}
