/** Resource limits: options over policy, against the controllers that the host gives, to cgroup v2 files. Pure. */
import { IsoError } from '../lib/errors.js';
import { parseSize } from '../lib/units.js';
import type { Policy } from '../policy/policy.js';
import type { RunOptions } from './options.js';

export interface Limits {
  memory?: number;
  cpus?: number;
  pids?: number;
}

export interface LimitDecision {
  limits: Limits;
  /** Defaults of the policy that this host cannot hold, in words. */
  warnings: string[];
}

const CONTROLLER = { memory: 'memory', cpus: 'cpu', pids: 'pids' } as const;
const OPTION = { memory: '--memory', cpus: '--cpus', pids: '--pids-limit' } as const;

interface Host {
  controllers: readonly string[];
  reason?: string | undefined;
  cpus: number;
}

function defaults(policy: Policy): Limits {
  const memory = policy.run.memory === '' ? undefined : parseSize(policy.run.memory);
  return {
    ...(memory ? { memory } : {}),
    ...(policy.run.cpus > 0 ? { cpus: policy.run.cpus } : {}),
    ...(policy.run.pids > 0 ? { pids: policy.run.pids } : {}),
  };
}

function missing(option: string, controller: string, host: Host): IsoError {
  const why = host.reason ?? `the controller ${controller} is not delegated to this user`;
  return new IsoError('controller.missing', `cannot apply ${option}`, why);
}

/** @throws IsoError controller.missing for a limit asked for by option, or for any when the policy says `error` */
export function decideLimits(options: RunOptions, policy: Policy, host: Host): LimitDecision {
  if (options.cpus !== undefined && options.cpus > host.cpus) {
    throw new IsoError('usage.invalid', `cannot use --cpus ${options.cpus}`, `this host has ${host.cpus} processors`);
  }
  const decision: LimitDecision = { limits: {}, warnings: [] };
  const fallback = defaults(policy);
  const unheld: IsoError[] = [];
  for (const key of ['memory', 'cpus', 'pids'] as const) {
    const value = options[key] ?? fallback[key];
    if (value === undefined) continue;
    if (host.controllers.includes(CONTROLLER[key])) {
      decision.limits[key] = value;
      continue;
    }
    const asked = options[key] !== undefined;
    const error = missing(asked ? OPTION[key] : `the policy's run.${key}`, CONTROLLER[key], host);
    if (asked || policy.run.missing === 'error') throw error;
    unheld.push(error);
  }
  if (unheld.length > 0) {
    decision.warnings.push(`${unheld.map(({ what }) => what).join(', ')}: ${unheld[0]?.why}`);
  }
  return decision;
}

const CPU_PERIOD_US = 100_000;

/** Files of the container's cgroup and what goes into them (cgroup-v2.rst). */
export function limitFiles(limits: Limits): [file: string, value: string, origin: string][] {
  const files: [string, string, string][] = [];
  if (limits.memory !== undefined) {
    files.push(['memory.max', String(limits.memory), '--memory']);
    // The container dies as a whole: half a container is worse than none.
    files.push(['memory.oom.group', '1', '--memory']);
  }
  if (limits.cpus !== undefined) {
    files.push(['cpu.max', `${Math.round(limits.cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}`, '--cpus']);
  }
  if (limits.pids !== undefined) files.push(['pids.max', String(limits.pids), '--pids-limit']);
  return files;
}
