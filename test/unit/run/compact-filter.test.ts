import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactFilter } from '../../../src/run/compact-filter.js';
import { parseProfile, resolveProfile } from '../../../src/run/seccomp-profile.js';
import { compileFilter } from '../../../src/sys/libseccomp.js';
import { constantsOf, verdict } from './bpf-verdict.js';

const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ARCHES = [0xc000_003e, 0x4000_0003, 0xc000_00b7, 0];
const instruction = (code: number, jt: number, jf: number, k: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(jt, 2);
  bytes.writeUInt8(jf, 3);
  bytes.writeUInt32LE(k, 4);
  return bytes;
};

/** Both answer the same to every number near a constant, of every architecture, with these arguments. */
function expectSame(before: Buffer, after: Buffer, argumentLists: readonly (readonly bigint[])[]): void {
  const different: string[] = [];
  for (const number of [...new Set([...constantsOf(before, after), ...Array(600).keys()])]) {
    for (const arch of ARCHES) {
      for (const args of argumentLists) {
        const call = { arch, number, args };
        const [first, second] = [verdict(before, call), verdict(after, call)];
        if (first !== second) different.push(`${number} of ${arch}: ${first} became ${second}`);
      }
    }
  }
  expect(different).toEqual([]);
}

describe('a compacted filter', () => {
  it('of the default profile answers every call as before, in less than half the length', () => {
    const text = readFileSync(new URL('../../../templates/user/seccomp.json', import.meta.url), 'utf8');
    for (const capabilities of [[], ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']]) {
      const { main, quiet } = resolveProfile(parseProfile(text), { arch: process.arch, capabilities, kernel: '6.1.0' });
      for (const filter of [main, quiet]) {
        const before = compileFilter(filter);
        const after = compactFilter(before);
        if (filter === main) expect(after.length).toBeLessThan(before.length / 2);
        const words = constantsOf(before).slice(0, 400).map(BigInt);
        expectSame(before, after, [[0n], [1n], [2n], [16n], [40n], [0x7e02_0000n], [0xffff_ffff_ffff_ffffn]]);
        for (const word of words) {
          for (const arch of ARCHES) {
            for (const number of [41, 53, 56, 102, 120, 135, 136]) {
              const call = { arch, number, args: [word, word, word] };
              expect(verdict(after, call)).toBe(verdict(before, call));
            }
          }
        }
      }
    }
  });

  it('of any list of numbers answers every call as before', () => {
    const rule = fc.record({ number: fc.nat(500), tested: fc.boolean() });
    fc.assert(
      fc.property(fc.uniqueArray(rule, { selector: ({ number }) => number, maxLength: 60 }), (rules) => {
        // A chain, as libseccomp writes for an architecture without its tree.
        const chain = rules.flatMap(({ number, tested }) =>
          tested
            ? [
                instruction(0x15, 0, 3, number),
                instruction(0x20, 0, 0, 16),
                instruction(0x15, 0, 1, 7),
                instruction(0x06, 0, 0, ALLOW),
                instruction(0x20, 0, 0, 0),
              ]
            : [instruction(0x15, 0, 1, number), instruction(0x06, 0, 0, ALLOW)],
        );
        const before = Buffer.concat([
          instruction(0x20, 0, 0, 4),
          instruction(0x15, 1, 0, 0xc000_003e),
          instruction(0x06, 0, 0, 0x0005_0026),
          instruction(0x20, 0, 0, 0),
          ...chain,
          instruction(0x06, 0, 0, EPERM),
        ]);
        expectSame(before, compactFilter(before), [[7n], [8n]]);
      }),
      { numRuns: 30 },
    );
  });

  it('that is laid out in another way stays as it is', () => {
    const asksTwice = Buffer.concat([
      instruction(0x20, 0, 0, 4),
      instruction(0x15, 0, 2, 0xc000_003e),
      instruction(0x20, 0, 0, 4),
      instruction(0x06, 0, 0, EPERM),
      instruction(0x06, 0, 0, ALLOW),
    ]);
    const masksTheNumber = Buffer.concat([
      instruction(0x20, 0, 0, 4),
      instruction(0x20, 0, 0, 0),
      instruction(0x54, 0, 0, 0xff),
      instruction(0x15, 0, 1, 1),
      instruction(0x06, 0, 0, EPERM),
      instruction(0x06, 0, 0, ALLOW),
    ]);
    for (const program of [asksTwice, masksTheNumber]) expect(compactFilter(program)).toBe(program);
  });
});
