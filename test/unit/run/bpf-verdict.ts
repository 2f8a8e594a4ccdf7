/** What a filter answers to one call: an interpreter of classic BPF, as far as filters use it. */
export interface Call {
  arch: number;
  number: number;
  args?: readonly bigint[];
}

function dataOf({ arch, number, args = [] }: Call): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(arch >>> 0, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(value, 16 + 8 * index);
  return data;
}

const TESTS: Record<number, (value: number, k: number) => boolean> = {
  21: (value, k) => value === k,
  37: (value, k) => value > k,
  53: (value, k) => value >= k,
  69: (value, k) => (value & k) !== 0,
};

export function verdict(program: Buffer, call: Call): number {
  const data = dataOf(call);
  let value = 0;
  for (let at = 0; ; ) {
    const [code, jt, jf] = [program.readUInt16LE(at * 8), program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const k = program.readUInt32LE(at * 8 + 4);
    at += 1;
    if (code === 0x06) return k;
    if (code === 0x20) value = data.readUInt32LE(k);
    else if (code === 0x54) value = (value & k) >>> 0;
    else if (code === 0x05) at += k;
    else {
      const holds = TESTS[code];
      if (!holds) throw new Error(`instruction ${code} at ${at - 1}`);
      at += holds(value, k) ? jt : jf;
    }
  }
}

/** Every constant of a program with its neighbours: what a verdict can depend on. */
export function constantsOf(...programs: Buffer[]): number[] {
  const found = new Set<number>();
  for (const program of programs) {
    for (let at = 0; at < program.length; at += 8) {
      const k = program.readUInt32LE(at + 4);
      for (const near of [k - 1, k, k + 1]) if (near >= 0 && near <= 0xffff_ffff) found.add(near);
    }
  }
  return [...found];
}
