import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { cpuWeight, decideLimits, ioWeight, limitFiles } from '../../../src/run/limits.js';
import {
  parseBlkioWeight,
  parseCpuShares,
  parseCpuset,
  parseMemorySwap,
  parseOomScore,
  parseReservation,
  parseThrottles,
} from '../../../src/run/options/limits.js';
import type { RunFlags } from '../../../src/run/options.js';
import { options } from './spec-facts.js';

const refused = expect.objectContaining({ code: 'usage.invalid' });
const host = { controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'], cpus: 2, swap: true, rates: [] };
const none = { ...DEFAULT_POLICY, run: { ...DEFAULT_POLICY.run, memory: '', pids: 0 } };
const files = (flags: RunFlags, over: Partial<Parameters<typeof decideLimits>[2]> = {}, policy = none) =>
  limitFiles(decideLimits(options(flags), policy, { ...host, ...over }).limits).map(
    ([file, value]) => `${file} ${value}`,
  );

describe('numbers', () => {
  it.each([
    [parseCpuShares, ['1', '262145', '', '-2', '1e3', '2.5']],
    [parseBlkioWeight, ['9', '1001', '0', '']],
    [parseOomScore, ['1001', '-1001', '', '+1', '--1']],
    [parseReservation, ['0', '', '-1', 'x']],
    [parseMemorySwap, ['0', '', '-2', 'x']],
    [parseCpuset, ['', ',', '1,', '3-1', '-1', '1-', 'a', '8192', '0-99999', '0 1', '1\n', '0,'.repeat(600)]],
  ] as const)('are bounded: %o', (parse, texts) => {
    for (const text of texts) expect(() => parse(text), text).toThrow(refused);
  });

  it('are read', () => {
    expect([parseCpuShares('2'), parseBlkioWeight('1000'), parseOomScore('-1000'), parseCpuset('0-1,3')]).toEqual([
      2,
      1000,
      -1000,
      '0-1,3',
    ]);
  });
});

describe('shares and weights of cgroup v1', () => {
  it('are converted as other runtimes do', () => {
    expect([2, 1024, 262144].map(cpuWeight)).toEqual([1, 39, 10000]);
    expect([10, 500, 1000].map(ioWeight)).toEqual([1, 4950, 10000]);
  });
  it('stay within those of v2, and in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 262143 }), (shares) => {
        expect(cpuWeight(shares)).toBeGreaterThanOrEqual(1);
        expect(cpuWeight(shares + 1)).toBeGreaterThanOrEqual(cpuWeight(shares));
        expect(cpuWeight(shares + 1)).toBeLessThanOrEqual(10000);
      }),
    );
  });
});

describe('swap', () => {
  it('is as much as the memory unless the option says how much both are', () => {
    expect(files({ memory: '64m' })).toEqual(['memory.max 67108864', 'memory.oom.group 1', 'memory.swap.max 67108864']);
    expect(files({ memory: '64m', memorySwap: '64m' })).toContain('memory.swap.max 0');
    expect(files({ memory: '64m', memorySwap: '1g' })).toContain('memory.swap.max 1006632960');
    expect(files({ memory: '64m', memorySwap: '-1' })).toContain('memory.swap.max max');
  });
  it('counts the default of the policy too', () => {
    expect(files({ memorySwap: '3g' }, {}, DEFAULT_POLICY)).toContain('memory.swap.max 1073741824');
    expect(files({}, {}, DEFAULT_POLICY).join()).not.toContain('swap');
  });
  it('is refused when it cannot be', () => {
    expect(() => files({ memorySwap: '1g' })).toThrow(/--memory is missing/);
    expect(() => files({ memory: '64m', memorySwap: '32m' })).toThrow(/less than the memory/);
    expect(() => files({ memory: '64m', memorySwap: '1g' }, { swap: false })).toThrow(/does not bound swap/);
    expect(files({ memory: '64m' }, { swap: false }).join()).not.toContain('swap');
    expect(() => files({ memorySwappiness: '10' })).toThrow(/cgroup v2/);
  });
});

describe('limits', () => {
  it('are files of cgroup v2', () => {
    const flags = { cpuShares: '1024', cpusetCpus: '0-1', cpusetMems: '0', memoryReservation: '1m', blkioWeight: '10' };
    expect(files(flags)).toEqual([
      'memory.low 1048576',
      'cpu.weight 39',
      'cpuset.cpus 0-1',
      'cpuset.mems 0',
      'io.weight 1',
    ]);
    const rate = { numbers: '8:0', key: 'rbps' as const, rate: 5, origin: '' };
    expect(files({}, { rates: [rate, { ...rate, key: 'wiops' }] })).toEqual([
      'io.max 8:0 rbps=5',
      'io.max 8:0 wiops=5',
    ]);
  });

  it.each<[RunFlags, string]>([
    [{ cpuShares: '2' }, 'cpu'],
    [{ cpusetCpus: '0' }, 'cpuset'],
    [{ cpusetMems: '0' }, 'cpuset'],
    [{ memoryReservation: '1m' }, 'memory'],
    [{ memory: '64m', memorySwap: '1g' }, 'memory'],
    [{ blkioWeight: '10' }, 'io'],
  ])('that were asked for need their controller: %j', (flags, controller) => {
    const controllers = host.controllers.filter((name) => name !== controller);
    expect(() => files(flags, { controllers })).toThrow(
      expect.objectContaining({ code: 'controller.missing', why: expect.stringContaining(controller) }),
    );
  });

  it('do not contradict each other', () => {
    expect(() => files({ oomScoreAdj: '5', direct: true })).toThrow(/with --direct/);
    expect(() => files({ memory: '64m', memoryReservation: '65m' })).toThrow(/more than the memory/);
  });
});

describe('rates of devices', () => {
  it('are bytes or operations a second', () => {
    expect(parseThrottles({ deviceReadBps: ['/dev/a:1m'], deviceWriteIops: ['/dev//a:7'] })).toMatchObject([
      { device: '/dev/a', key: 'rbps', rate: 1048576 },
      { device: '/dev/a', key: 'wiops', rate: 7 },
    ]);
  });
  it.each(['', '/dev/a', '/dev/a:', 'a:1', '/dev/a:0', '/dev/a:-1', '/dev/a:1:2', '/dev/a:x'])('refuse %j', (text) => {
    expect(() => parseThrottles({ deviceReadBps: [text] })).toThrow(refused);
    expect(() => parseThrottles({ deviceReadIops: [text] })).toThrow(refused);
  });
  it('are one a device', () => {
    expect(() => parseThrottles({ deviceReadBps: ['/dev/a:1', '/dev/./a:2'] })).toThrow(/twice/);
  });
});
