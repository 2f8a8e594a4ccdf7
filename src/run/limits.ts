/** Resource limits: options over policy, against the controllers that the host gives, to cgroup v2 files. Pure. */
import type { ContainerRecord } from '../facts/container-record.js';
import { IsoError } from '../lib/errors.js';
import { parseSize } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { Throttle } from './options/limits.js';
import type { RunOptions } from './options.js';

/** A rate of a device, by its numbers. */
export type DeviceRate = Pick<Throttle, 'key' | 'rate' | 'origin'> & { numbers: string };

export interface Limits {
  memory?: number;
  /** Bytes of swap alone; Infinity for as much as the host has. */
  swap?: number;
  memoryReservation?: number;
  cpus?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  pids?: number;
  blkioWeight?: number;
  rates?: DeviceRate[];
}

export interface LimitDecision {
  limits: Limits;
  /** Defaults of the policy that this host cannot hold, in words. */
  warnings: string[];
}

/** What each limit needs, and the option that asks for it. */
const ROWS: readonly (readonly [key: keyof Limits, controller: string, option: string])[] = [
  ['memory', 'memory', '--memory'],
  ['swap', 'memory', '--memory-swap'],
  ['memoryReservation', 'memory', '--memory-reservation'],
  ['cpus', 'cpu', '--cpus'],
  ['cpuShares', 'cpu', '--cpu-shares'],
  ['cpusetCpus', 'cpuset', '--cpuset-cpus'],
  ['cpusetMems', 'cpuset', '--cpuset-mems'],
  ['pids', 'pids', '--pids-limit'],
  ['blkioWeight', 'io', '--blkio-weight'],
  ['rates', 'io', '--device-…'],
];

export interface LimitHost {
  controllers: readonly string[];
  reason?: string | undefined;
  cpus: number;
  /** Whether its kernel bounds swap. */
  swap: boolean;
  rates: readonly DeviceRate[];
}

function defaults(policy: Policy): Limits {
  const memory = policy.run.memory === '' ? undefined : parseSize(policy.run.memory);
  return {
    ...(memory ? { memory } : {}),
    ...(policy.run.cpus > 0 ? { cpus: policy.run.cpus } : {}),
    ...(policy.run.pids > 0 ? { pids: policy.run.pids } : {}),
  };
}

/** The first limit that was asked for and has no controller. @throws IsoError controller.missing */
export function requireControllers(wanted: Limits, host: LimitHost): void {
  for (const [key, controller, option] of ROWS) {
    if (wanted[key] !== undefined && !host.controllers.includes(controller)) throw missing(option, controller, host);
  }
}

function missing(option: string, controller: string, host: LimitHost): IsoError {
  const why = host.reason ?? `the controller ${controller} is not delegated to this user`;
  return new IsoError('controller.missing', `cannot apply ${option}`, why);
}

export const unusable = (option: string, why: string) => new IsoError('usage.invalid', `cannot use ${option}`, why);

/**
 * Swap as Docker counts it: the option is of memory and swap together, and without it a container that was given memory
 * has as much swap again.
 */
function swapOf(
  { memorySwap, memory }: RunOptions,
  effective: number | undefined,
  host: LimitHost,
): number | undefined {
  if (memorySwap === undefined) return host.swap ? memory : undefined;
  if (effective === undefined)
    throw unusable('--memory-swap', 'it is of memory and swap together, and --memory is missing');
  if (memorySwap < effective) throw unusable('--memory-swap', `it is less than the memory, which is ${effective}`);
  if (host.controllers.includes('memory') && !host.swap)
    throw new IsoError('controller.missing', 'cannot apply --memory-swap', 'this kernel does not bound swap');
  return memorySwap - effective;
}

/** What the options ask for. */
function asked(options: RunOptions, policy: Policy, host: LimitHost): Limits {
  const { memory, memoryReservation, cpus, cpuShares, cpusetCpus, cpusetMems, pids, blkioWeight } = options;
  const effective = memory ?? defaults(policy).memory;
  if (memoryReservation !== undefined && effective !== undefined && memoryReservation > effective)
    throw unusable('--memory-reservation', `it is more than the memory, which is ${effective}`);
  if (cpus !== undefined && cpus > host.cpus) throw unusable(`--cpus ${cpus}`, `this host has ${host.cpus} processors`);
  const swap = swapOf(options, effective, host);
  const rates = host.rates.length === 0 ? undefined : [...host.rates];
  const all = { memory, swap, memoryReservation, cpus, cpuShares, cpusetCpus, cpusetMems, pids, blkioWeight, rates };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** @throws IsoError controller.missing for a limit asked for by option, or for any when the policy says `error` */
export function decideLimits(options: RunOptions, policy: Policy, host: LimitHost): LimitDecision {
  const wanted = asked(options, policy, host);
  const all = { ...defaults(policy), ...wanted };
  const unheld: IsoError[] = [];
  const held = ROWS.filter(([key, controller, option]) => {
    if (all[key] === undefined || host.controllers.includes(controller)) return all[key] !== undefined;
    const isAsked = wanted[key] !== undefined;
    const error = missing(isAsked ? option : `the policy's run.${key}`, controller, host);
    if (isAsked || policy.run.missing === 'error') throw error;
    unheld.push(error);
    return false;
  });
  return {
    limits: Object.fromEntries(held.map(([key]) => [key, all[key]])),
    warnings: unheld.length === 0 ? [] : [`${unheld.map(({ what }) => what).join(', ')}: ${unheld[0]?.why}`],
  };
}

const CPU_PERIOD_US = 100_000;

/** Shares of cgroup v1, 2 to 262144, to a weight of v2, 1 to 10000, as crun and runc convert them. */
export const cpuWeight = (shares: number) => 1 + Math.floor(((shares - 2) * 9999) / 262142);

/** A weight of blkio, 10 to 1000, to one of io, 1 to 10000. */
export const ioWeight = (weight: number) => 1 + Math.floor(((weight - 10) * 9999) / 990);

export type LimitFile = [file: string, value: string, origin: string];

function memoryFiles({ memory, swap, memoryReservation }: Limits): LimitFile[] {
  const files: LimitFile[] = [];
  if (memory !== undefined) {
    files.push(['memory.max', String(memory), '--memory']);
    // The container dies as a whole: half a container is worse than none.
    files.push(['memory.oom.group', '1', '--memory']);
  }
  if (swap !== undefined)
    files.push(['memory.swap.max', Number.isFinite(swap) ? String(swap) : 'max', '--memory-swap']);
  if (memoryReservation !== undefined) files.push(['memory.low', String(memoryReservation), '--memory-reservation']);
  return files;
}

function cpuFiles({ cpus, cpuShares, cpusetCpus, cpusetMems }: Limits): LimitFile[] {
  const files: LimitFile[] = [];
  if (cpus !== undefined) files.push(['cpu.max', `${Math.round(cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}`, '--cpus']);
  if (cpuShares !== undefined) files.push(['cpu.weight', String(cpuWeight(cpuShares)), '--cpu-shares']);
  if (cpusetCpus !== undefined) files.push(['cpuset.cpus', cpusetCpus, '--cpuset-cpus']);
  if (cpusetMems !== undefined) files.push(['cpuset.mems', cpusetMems, '--cpuset-mems']);
  return files;
}

/** Files of the container's cgroup and what goes into them (cgroup-v2.rst). */
export function limitFiles(limits: Limits): LimitFile[] {
  const { pids, blkioWeight, rates = [] } = limits;
  return [
    ...memoryFiles(limits),
    ...cpuFiles(limits),
    ...(pids === undefined ? [] : [['pids.max', String(pids), '--pids-limit'] satisfies LimitFile]),
    ...(blkioWeight === undefined
      ? []
      : [['io.weight', String(ioWeight(blkioWeight)), '--blkio-weight'] satisfies LimitFile]),
    ...rates.map(({ numbers, key, rate, origin }): LimitFile => ['io.max', `${numbers} ${key}=${rate}`, origin]),
  ];
}

/** Those that are one number or text; how devices are slowed down is the plan's alone. */
export function recordLimits({ rates, swap, ...limits }: Limits): ContainerRecord['limits'] {
  if (swap === undefined) return limits;
  return { ...limits, swap: Number.isFinite(swap) ? swap : -1 };
}
