import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodePlan,
  encodeRequest,
  MAX_OPS,
  planDigest,
  printableArguments,
} from '../../../src/sys/launcher/encode.js';
import type { PlannedOp } from '../../../src/sys/launcher/ops.js';

const planned = (op: PlannedOp['op'], stage: PlannedOp['stage'] = 'container'): PlannedOp => ({
  stage,
  op,
  origin: 'test',
});

/** The format of native/wire.h, read back independently. */
function readTokens(bytes: Buffer): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    tokens.push(bytes.toString('utf8', at + 4, at + 4 + length));
    expect(bytes[at + 4 + length]).toBe(0);
    at += 5 + length;
  }
  return tokens;
}

describe('encodePlan', () => {
  it('writes magic, count, and stage, name and arguments of every op', () => {
    const plan = [planned(['root', '/r'], 'session'), planned(['mkdir', '/a b', 0o755])];
    expect(readTokens(encodePlan(plan))).toEqual([
      'ISOPLAN2',
      '2',
      'session',
      'root',
      '=/r',
      'container',
      'mkdir',
      '=/a b',
      '493',
    ]);
  });

  it('round-trips any text without NUL', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\ufffd]/.test(text)),
          { maxLength: 20 },
        ),
        (args) => {
          const tokens = readTokens(encodePlan(args.map((value) => planned(['arg', value]))));
          expect(tokens.slice(2).filter((_, index) => index % 3 === 2)).toEqual(args.map((value) => `=${value}`));
        },
      ),
    );
  });

  it('leaves references to the launcher, and the values of a run follow the plan', () => {
    const plan = encodePlan([planned(['root', { argument: 'merged' }])]);
    expect(readTokens(plan).at(-1)).toBe('$merged');
    const request = readTokens(
      encodeRequest(plan, [
        ['command', 'sh'],
        ['command', '-c'],
      ]),
    );
    expect(request.slice(5)).toEqual(['2', 'command', 'sh', 'command', '-c']);
    expect(() => encodeRequest(plan, [['command', 'a\0b']])).toThrow(/command holds a NUL/);
    expect(() => encodeRequest(plan, Array(100).fill(['command', 'a'.repeat(100_000)]))).toThrow(/the most/);
  });

  it('writes a composition with its references marked, and none of its marks as text', () => {
    const content = { parts: ['{"a":"', { value: 'name' as const, most: 9 }, '",', { list: 'json' as const }] };
    expect(readTokens(encodePlan([planned(['write-file', '/f', 0o600, content], 'host')])).at(-1)).toBe(
      '{"a":"\x01name:9\x02",\x03command\x02',
    );
    const marked = planned(['write-file', '/f', 0o600, { parts: ['\x01'] }], 'host');
    expect(() => encodePlan([marked])).toThrow(/its own mark/);
  });

  it('refuses NUL bytes, long arguments and too many ops', () => {
    expect(() => encodePlan([planned(['arg', 'a\0b'])])).toThrow(/NUL/);
    // What Node makes of a byte that is no UTF-8.
    expect(() => encodePlan([planned(['arg', Buffer.from([0xff]).toString()])])).toThrow(/UTF-8/);
    expect(() => encodePlan([planned(['arg', 'a'.repeat(128 * 1024 + 1)])])).toThrow(/longer/);
    expect(() => encodePlan(Array(MAX_OPS + 1).fill(planned(['arg', 'a'])))).toThrow(/4097 ops/);
  });
});

describe('planDigest', () => {
  it('does not depend on environment values, which may be secrets', () => {
    expect(planDigest([planned(['env', 'A=1'])])).toBe(planDigest([planned(['env', 'A=2'])]));
    expect(planDigest([planned(['env', 'A=1'])])).not.toBe(planDigest([planned(['env', 'B=1'])]));
    expect(printableArguments(planned(['env', 'TOKEN=secret']))).toEqual(['TOKEN=…']);
  });

  it('depends on stage, op and arguments, a filter by its content', () => {
    const digests = [
      planDigest([planned(['propagation', 'private'])]),
      planDigest([planned(['propagation', 'private'], 'session')]),
      planDigest([planned(['seccomp', 0, new Uint8Array([1])])]),
      planDigest([planned(['seccomp', 0, new Uint8Array([2])])]),
    ];
    expect(new Set(digests).size).toBe(4);
  });
});
