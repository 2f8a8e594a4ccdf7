/** One launch, by the user's session or without one. */
import { constants } from 'node:os';
import { encodePlan, encodeRequest } from '../sys/launcher/encode.js';
import { type LaunchOptions, launch } from '../sys/launcher/launch.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import type { LaunchOutcome } from '../sys/launcher/status.js';
import type { Place } from './place.js';
import { shortId } from './records.js';

/** What is launched, and what a direct launch of it needs: the manager's help where the launch writes to a cgroup. */
export type Launchable = { plan: LaunchPlan } & Pick<Place, 'scopeParent' | 'runtimeDir'>;

export interface Launched {
  outcome: LaunchOutcome;
  /** Nothing of the container outlives its launcher. */
  direct: boolean;
}

/** A direct launch asks the user's manager for a delegated scope: outside it the user may not make a cgroup. */
function scopeOf({ scopeParent, runtimeDir }: Launchable, id: string): Pick<LaunchOptions, 'wrapper' | 'wrapperEnv'> {
  if (scopeParent === undefined || runtimeDir === undefined) return {};
  const unit = [`--unit=iso-${shortId(id)}.scope`, '--slice=iso.slice', '--property=Delegate=yes'];
  return {
    wrapper: ['/usr/bin/systemd-run', '--user', '--scope', '--quiet', '--collect', ...unit, '--'],
    wrapperEnv: { XDG_RUNTIME_DIR: runtimeDir, PATH: '/usr/bin:/bin' },
  };
}

/** What the launcher says when no session takes the launch and it has no cgroup for a direct one. */
function needsScope(outcome: LaunchOutcome): boolean {
  return outcome.kind === 'failed' && outcome.failure.index === 0 && outcome.failure.errno === constants.errno.EAGAIN;
}

/** Whose streams a launch has. */
export type LaunchStreams = Pick<LaunchOptions, 'streams' | 'onSpawn'>;

/** In the user's session, or without one; `scopeId` names the scope of a direct launch. */
export async function launchRequest(
  launchable: Launchable,
  request: Buffer,
  direct: boolean,
  scopeId: string,
  streams: LaunchStreams = { streams: 'inherit' },
): Promise<Launched> {
  const { plan } = launchable;
  if (!direct) {
    const outcome = await launch(plan, { request, direct, ...streams });
    if (!needsScope(outcome)) return { outcome, direct };
  }
  const scope = scopeOf(launchable, scopeId);
  return { outcome: await launch(plan, { request, direct: true, ...streams, ...scope }), direct: true };
}

/** The same with the values of this launch. */
export function launchAnyway(
  launchable: Launchable,
  values: RunValues,
  direct: boolean,
  scopeId: string,
  streams?: LaunchStreams,
): Promise<Launched> {
  return launchRequest(launchable, encodeRequest(encodePlan(launchable.plan), values), direct, scopeId, streams);
}
