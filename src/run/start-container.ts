/** The launch of a container that is there: exactly what was created, in the place that its user has now. */
import { availableParallelism } from 'node:os';
import { endsAtLogout } from '../facts/linger.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
import { requireRoom } from '../image/space.js';
import { IsoError } from '../lib/errors.js';
import { readPolicy } from '../policy/read-policy.js';
import { explainFailure, explainLoss } from '../sys/launcher/explain.js';
import type { RunValues } from '../sys/launcher/ops.js';
import { stopContainer } from './end-container.js';
import { readKeptLaunch } from './kept-launch.js';
import { launchRequest } from './launch-container.js';
import { lingerWarning, requestLinger } from './linger.js';
import type { Attachment } from './options/attachment.js';
import { type Place, placeOf } from './place.js';
import type { Container } from './records.js';
import { allowRestart, forbidRestart, waitForRelease } from './restarts.js';
import { recordFailure, textOf } from './run-container.js';
import { readVolumeIds } from './volume-ids.js';

/** Values of one launch alone. */
export const isOfLaunch = (name: string) =>
  ['mode', 'name', 'attach', 'detach-keys', 'keep-signals', 'session', 'scope-parent'].includes(name) ||
  name.startsWith('volume-id.');

function launchValues(place: Place, attachment: Attachment | undefined): RunValues {
  const { session, scopeParent } = place;
  const given = [
    ['mode', 'start'],
    ['session', session],
    ...(scopeParent === undefined ? [] : [['scope-parent', scopeParent]]),
  ] as [string, string][];
  if (!attachment) return given;
  const { stdin, detachKeys, passSignals } = attachment;
  return [
    ...given,
    ['attach', stdin ? 'all' : 'output'],
    ['detach-keys', detachKeys],
    ...(passSignals ? [] : [['keep-signals', '1'] as const]),
  ];
}

/** For all that one command starts: what runs writes, and goes on without its caller. Returns warnings. @throws IsoError quota.near */
export async function prepareStart(identity: OwnIdentity): Promise<string[]> {
  const { quota, linger } = await readPolicy();
  requireRoom(identity, quota.refuse, 'cannot start a container');
  const refused = await requestLinger(identity, linger);
  const warning = lingerWarning(identity.name, { isOff: endsAtLogout(identity), refused }, linger);
  return warning === undefined ? [] : [warning];
}

/**
 * Starts it; with an attachment to its end, or until its caller leaves it: the exit status. @throws IsoError when its payload
 * did not start: then the container is as it was
 */
export async function startContainer(
  identity: OwnIdentity,
  { record }: Container,
  attachment?: Attachment,
): Promise<number> {
  const { plan, values, request } = readKeptLaunch(identity, record);
  forbidRestart(identity.store, record);
  await waitForRelease(identity.store, record);
  allowRestart(identity.store, record);
  const limited = plan.some(({ op }) => op[0] === 'cgroup-make');
  const place = placeOf(readRunHost(identity.uid, availableParallelism()), identity.home, limited);
  // It may have been renamed since.
  const named = ['name', record.name] as const;
  const more = [named, ...launchValues(place, attachment), ...readVolumeIds(plan, values, identity)];
  const direct = textOf(values, 'direct') !== '';
  const { outcome } = await launchRequest({ plan, ...place }, request(isOfLaunch, more), direct, record.id);
  if (outcome.kind === 'detached') return 0;
  if (outcome.kind === 'exited') {
    if (outcome.lost) throw explainLoss(outcome.lost);
    return outcome.code;
  }
  const error = explainFailure(plan, outcome, values);
  recordFailure(values, outcome, error);
  throw error;
}

/** Ends it, when it runs, and starts it. @throws IsoError as `stopContainer` and `startContainer` */
export async function restartContainer(identity: OwnIdentity, container: Container, time?: number): Promise<void> {
  const { plan } = readKeptLaunch(identity, container.record);
  if (container.running && plan.some(({ stage, op }) => stage === 'exited' && op[0] === 'remove')) {
    const why = 'it is removed when it ends (--rm)';
    throw new IsoError('container.state', `cannot restart ${container.record.name}`, why);
  }
  await stopContainer(identity, container, time);
  await startContainer(identity, container);
}
