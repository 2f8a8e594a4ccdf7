import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ContainerRecord } from '../../../src/facts/container-record.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { compilePlan } from '../../../src/run/compile-plan.js';
import { controllersOf, decideUpdate, limitsOf, withLimits } from '../../../src/run/decide-update.js';
import { inspectContainer } from '../../../src/run/inspect-container.js';
import type { DeviceRate, LimitHost } from '../../../src/run/limits.js';
import { recordLimits } from '../../../src/run/limits.js';
import { parseLimits, type RunFlags } from '../../../src/run/options.js';
import { reader, readPlan } from '../../../src/run/read-entry.js';
import { compileSpec } from '../../../src/run/spec.js';
import { writeLimits } from '../../../src/run/update-container.js';
import { encodePlan, planDigest } from '../../../src/sys/launcher/encode.js';
import type { LaunchPlan } from '../../../src/sys/launcher/ops.js';
import { books, facts, options } from './spec-facts.js';

const MIB = 2 ** 20;
const host: LimitHost = { controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'], cpus: 2, swap: true, rates: [] };
const rate = (key: DeviceRate['key'], amount: number): DeviceRate => ({
  numbers: '8:0',
  key,
  rate: amount,
  origin: key,
});

const decide = (flags: RunFlags, before = {}, over: Partial<LimitHost> = {}) =>
  decideUpdate(parseLimits(flags), before, { ...host, ...over });
const files = (...args: Parameters<typeof decide>) => decide(...args).files.map(([file, value]) => `${file} ${value}`);

/** A plan that was kept, as it is read back. */
function reread(plan: LaunchPlan): LaunchPlan {
  return readPlan(reader(encodePlan(plan))).map((op, index) => ({ ...op, origin: plan[index]?.origin ?? '' }));
}

function planOf(flags: RunFlags, rates: DeviceRate[] = []) {
  const cgroup = { mount: '/sys/fs/cgroup', manager: '/m', controllers: [...host.controllers], swap: true };
  const over = { host: { ...facts().host, cgroup }, rates };
  const spec = compileSpec(options({ ulimit: ['nofile=9:99'], ...flags }), DEFAULT_POLICY, facts(over));
  return { spec, plan: compilePlan(spec, books) };
}

describe('an update', () => {
  it('changes what was asked for and leaves the rest', () => {
    const before = { memory: 64 * MIB, swap: 64 * MIB, pids: 9, cpus: 1 };
    expect(files({ pidsLimit: '20', cpus: '0.5' }, before)).toEqual(['cpu.max 50000 100000', 'pids.max 20']);
    expect(decide({ pidsLimit: '20' }, before).limits).toEqual({ ...before, pids: 20 });
  });

  it('keeps memory and swap together as they were, as Docker does', () => {
    const before = { memory: 64 * MIB, swap: 64 * MIB };
    const max = `memory.max ${96 * MIB}`;
    const group = 'memory.oom.group 1';
    expect(files({ memory: '96m' }, before)).toEqual([max, group, `memory.swap.max ${32 * MIB}`]);
    expect(() => files({ memory: '129m' }, before)).toThrow(/give --memory-swap, too/);
    expect(files({ memory: '96m', memorySwap: '-1' }, before)).toEqual([max, group, 'memory.swap.max max']);
    expect(files({ memory: '96m' }, { memory: MIB, swap: Number.POSITIVE_INFINITY })).toContain('memory.swap.max max');
    expect(files({ memory: '96m' })).toContain(`memory.swap.max ${96 * MIB}`);
    expect(files({ memorySwap: '65m' }, before)).toEqual([`memory.swap.max ${MIB}`]);
    expect(files({ memory: '96m' }, before, { swap: false })).toEqual([max, group]);
  });

  it('replaces the rate of a device and keeps the others', () => {
    const before = { rates: [rate('rbps', 1), rate('wiops', 2)] };
    const { limits, files: changed } = decide({}, before, { rates: [rate('rbps', 5)] });
    expect(limits.rates).toEqual([rate('wiops', 2), rate('rbps', 5)]);
    expect(changed).toEqual([['io.max', '8:0 rbps=5', 'rbps']]);
  });

  it.each<[RunFlags, object, RegExp]>([
    [{}, {}, /no limit is given/],
    [{ memorySwap: '1g' }, {}, /the memory has no limit/],
    [{ memorySwap: '32m' }, { memory: 64 * MIB }, /less than the memory/],
    [{ memoryReservation: '65m' }, { memory: 64 * MIB }, /more than the memory/],
    [{ memory: '8m' }, { memory: 64 * MIB, memoryReservation: 9 * MIB }, /more than the memory/],
    [{ cpus: '3' }, {}, /this host has 2 processors/],
  ])('%j of %j is refused', (flags, before, why) => {
    expect(() => decide(flags, before)).toThrow(why);
  });

  it('needs the controllers that the container has', () => {
    expect(() => decide({ pidsLimit: '5' }, {}, { controllers: ['memory'] })).toThrow(
      expect.objectContaining({ code: 'controller.missing', what: 'cannot apply --pids-limit' }),
    );
  });
});

describe('the plan of a container', () => {
  const flags = { memory: '64m', memorySwap: '-1', cpuShares: '99', label: ['a=b'] };
  const rates = [rate('rbps', 1), rate('wiops', 2)];

  it('is read back as it was', () => {
    const { plan } = planOf(flags, rates);
    expect(planDigest(reread(plan))).toBe(planDigest(plan));
    expect(encodePlan(reread(plan))).toEqual(encodePlan(plan));
  });

  it('tells its limits and controllers', () => {
    const { spec, plan } = planOf(flags, rates);
    expect(limitsOf({ limits: recordLimits(spec.limits) } as ContainerRecord, reread(plan))).toEqual(spec.limits);
    expect(controllersOf(reread(plan))).toEqual(host.controllers);
    const cgroup = { controllers: [], swap: false, reason: 'none' };
    const without = facts({ host: { ...facts().host, cgroup } });
    expect(controllersOf(compilePlan(compileSpec(options(), DEFAULT_POLICY, without), books))).toBeUndefined();
  });

  it('shows the rates of devices by their paths', () => {
    const { plan } = planOf({}, [{ ...rate('wbps', 7), origin: '--device-write-bps /dev/sda:7' }]);
    const record = { limits: {}, command: [] } as unknown as ContainerRecord;
    const container = { record, state: { status: 'exited' as const }, running: false, paused: false };
    expect(inspectContainer(container, { plan, values: [] }).HostConfig).toMatchObject({
      BlkioDeviceReadBps: [],
      BlkioDeviceWriteBps: [{ Path: '/dev/sda', Rate: 7 }],
    });
  });

  it('has other limits afterwards, and else the same ops', () => {
    const { spec, plan } = planOf(flags, rates);
    expect(planDigest(withLimits(reread(plan), spec.limits))).toBe(planDigest(plan));
    const changed = withLimits(reread(plan), { pids: 5 }).flatMap(({ op }) =>
      op[0] === 'cgroup-write' ? `${op[2]} ${op[3]}` : [],
    );
    expect(changed).toContain('pids.max 5');
    expect(changed.join()).not.toContain('memory.max');
  });
});

describe('the files of a cgroup', () => {
  it('are all written, or left as they were', () => {
    const folder = mkdtempSync(join(tmpdir(), 'iso-limits-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const read = (file: string) => readFileSync(join(folder, file), 'utf8');
    writeFileSync(join(folder, 'pids.max'), 'max');
    writeFileSync(join(folder, 'io.weight'), 'default 100\n8:0 50\n');
    writeLimits(folder, [['pids.max', '777', '--pids-limit']], 'c');
    expect(read('pids.max')).toBe('777');
    const failing = () =>
      writeLimits(
        folder,
        [
          ['pids.max', '888', '--pids-limit'],
          ['io.weight', '999', '--blkio-weight'],
          ['cpu.weight', '5', '--cpu-shares'],
        ],
        'c',
      );
    expect(failing).toThrow(expect.objectContaining({ code: 'write.failed', what: 'cannot apply --cpu-shares to c' }));
    expect([read('pids.max'), read('io.weight').slice(0, 3)]).toEqual(['777', '100']);
  });
});
