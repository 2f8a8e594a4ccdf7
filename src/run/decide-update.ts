/** `iso-run update`: the limits that a container has, and those that are asked for, to what its cgroup and its plan get. Pure. */
import type { ContainerRecord } from '../facts/container-record.js';
import { IsoError } from '../lib/errors.js';
import type { LaunchPlan, PlannedOp } from '../sys/launcher/ops.js';
import {
  type DeviceRate,
  type LimitFile,
  type LimitHost,
  type Limits,
  limitFiles,
  requireControllers,
  unusable,
} from './limits.js';
import type { RunOptions } from './options.js';

export type LimitOptions = Pick<
  RunOptions,
  | 'memory'
  | 'memorySwap'
  | 'memoryReservation'
  | 'cpus'
  | 'cpuShares'
  | 'cpusetCpus'
  | 'cpusetMems'
  | 'pids'
  | 'blkioWeight'
  | 'throttles'
>;

export interface Update {
  /** All limits that hold from then on. */
  limits: Limits;
  /** Files of the cgroup that change. */
  files: LimitFile[];
}

const isLimit = ({ op }: PlannedOp) =>
  op[0] === 'cgroup-write' && typeof op[1] === 'object' && op[1].argument === 'cgroup';
const isCgroup = ({ op }: PlannedOp) =>
  op[0] === 'cgroup-make' && typeof op[1] === 'object' && op[1].argument === 'cgroup';

/** Controllers that the launch hands down to the container's cgroup; undefined when it makes none. */
export function controllersOf(plan: LaunchPlan): string[] | undefined {
  if (!plan.some(isCgroup)) return undefined;
  const enabled = plan.flatMap(({ op }) =>
    op[0] === 'cgroup-write' && op[2] === 'cgroup.subtree_control' ? op[3].split(' ') : [],
  );
  return enabled.map((name) => name.replace(/^\+/, ''));
}

function ratesOf(plan: LaunchPlan): DeviceRate[] {
  return plan.filter(isLimit).flatMap(({ op, origin }) => {
    const [, numbers = '', key, rate] = /^(\S+) ([rw](?:bps|iops))=(\d+)$/.exec(String(op[3])) ?? [];
    return op[2] === 'io.max' ? [{ numbers, key: key as DeviceRate['key'], rate: Number(rate), origin }] : [];
  });
}

/** What it was launched with, or updated to. */
export function limitsOf({ limits }: ContainerRecord, plan: LaunchPlan): Limits {
  const rates = ratesOf(plan);
  const { swap, ...others } = limits;
  return {
    ...others,
    ...(swap === undefined ? {} : { swap: swap < 0 ? Number.POSITIVE_INFINITY : swap }),
    ...(rates.length === 0 ? {} : { rates }),
  };
}

/** Memory and swap together stay what they were unless `--memory-swap` says how much they are, as in Docker. */
function swapAfter({ memory, memorySwap }: LimitOptions, before: Limits, host: LimitHost): number | undefined {
  const after = memory ?? before.memory;
  if (memorySwap !== undefined) {
    if (after === undefined)
      throw unusable('--memory-swap', 'it is of memory and swap together, and the memory has no limit');
    if (memorySwap < after) throw unusable('--memory-swap', `it is less than the memory, which is ${after}`);
    if (!host.swap)
      throw new IsoError('controller.missing', 'cannot apply --memory-swap', 'this kernel bounds no swap');
    return memorySwap - after;
  }
  if (memory === undefined || !host.swap) return undefined;
  if (before.swap === undefined || before.memory === undefined) return memory;
  const total = before.memory + before.swap;
  if (memory > total)
    throw unusable(`--memory ${memory}`, `memory and swap together are ${total}: give --memory-swap, too`);
  return total - memory;
}

const sameRate = (one: DeviceRate) => (other: DeviceRate) => one.numbers === other.numbers && one.key === other.key;

function asked(options: LimitOptions, before: Limits, host: LimitHost): Limits {
  const { memory, memoryReservation, cpus, cpuShares, cpusetCpus, cpusetMems, pids, blkioWeight } = options;
  const swap = swapAfter(options, before, host);
  const rates = host.rates.length === 0 ? undefined : [...host.rates];
  const all = { memory, swap, memoryReservation, cpus, cpuShares, cpusetCpus, cpusetMems, pids, blkioWeight, rates };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** @throws IsoError usage.invalid, controller.missing */
export function decideUpdate(options: LimitOptions, before: Limits, host: LimitHost): Update {
  const wanted = asked(options, before, host);
  if (Object.keys(wanted).length === 0) throw unusable('update', 'no limit is given');
  requireControllers(wanted, host);
  if (wanted.cpus !== undefined && wanted.cpus > host.cpus)
    throw unusable(`--cpus ${wanted.cpus}`, `this host has ${host.cpus} processors`);
  const kept = (before.rates ?? []).filter((rate) => !host.rates.some(sameRate(rate)));
  const rates = [...kept, ...host.rates];
  const limits = { ...before, ...wanted, ...(rates.length === 0 ? {} : { rates }) };
  const { memory, memoryReservation } = limits;
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory)
    throw unusable('--memory-reservation', `it is ${memoryReservation}, more than the memory, which is ${memory}`);
  return { limits, files: limitFiles(wanted) };
}

/** The plan of the launches to come. */
export function withLimits(plan: LaunchPlan, limits: Limits): LaunchPlan {
  const others = plan.filter((planned) => !isLimit(planned));
  const at = others.findIndex(isCgroup) + 1;
  const ops = limitFiles(limits).map(([file, value, origin]): PlannedOp => {
    return { stage: 'host', op: ['cgroup-write', { argument: 'cgroup' }, file, value], origin };
  });
  return [...others.slice(0, at), ...ops, ...others.slice(at)];
}
