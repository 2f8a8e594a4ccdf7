/** iso-copy in a container: beside its payload where it runs, or else in its files alone, in the place of its payload. */
import type { OwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
import { installed } from '../sys/install.js';
import { explainFailure } from '../sys/launcher/explain.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import { compileCopy } from './compile-copy.js';
import { execSpec, joinContainer, prepareExec } from './exec-container.js';
import { readKeptLaunch } from './kept-launch.js';
import { type LaunchStreams, launchRequest } from './launch-container.js';
import { placeOf } from './place.js';
import { type Container, newContainerId } from './records.js';
import { textOf } from './run-container.js';
import { isOfLaunch } from './start-container.js';
import { readVolumeIds } from './volume-ids.js';

interface Copying {
  stdin: boolean;
  streams: LaunchStreams;
}

/** Files that come in are the payload's, as with Podman. */
function commandOf(args: readonly string[], plan: readonly Pick<LaunchPlan[number], 'op'>[]): string[] {
  const ids = plan.find(({ op }) => op[0] === 'ids')?.op.slice(1) ?? [0, 0];
  return ['iso-copy', ...args, ...(args[0] === 'unpack' ? ids.map(String) : [])];
}

async function runBeside(identity: OwnIdentity, container: Container, args: readonly string[], copying: Copying) {
  const options = { interactive: copying.stdin, tty: false, env: [], workdir: '/', detach: false, direct: false };
  const spec = { ...(await execSpec(identity, container, options)), program: installed('iso-copy') };
  const root = { uid: 0, gid: 0, groups: [0], home: '/' };
  const { code } = await joinContainer(prepareExec(identity, container, { ...spec, user: root }), {
    command: commandOf(args, spec.request.plan),
    direct: false,
    streams: copying.streams,
  });
  return code;
}

async function runAlone(identity: OwnIdentity, { record }: Container, args: readonly string[], copying: Copying) {
  const kept = readKeptLaunch(identity, record);
  const plan = compileCopy(kept.plan, installed('iso-copy'), copying.stdin);
  const place = placeOf(readRunHost(identity.uid, 1), identity.home, false);
  const more: RunValues = [
    ['session', place.session],
    ...readVolumeIds(plan, kept.values, identity),
    ...commandOf(args, kept.plan).map((word) => ['command', word] as const),
  ];
  const request = kept.request((name) => name === 'command' || isOfLaunch(name), more, plan);
  const direct = textOf(kept.values, 'direct') !== '';
  const { outcome } = await launchRequest({ plan, ...place }, request, direct, newContainerId(), copying.streams);
  if (outcome.kind === 'exited') return outcome.code;
  if (outcome.kind === 'detached') throw new Error('the launcher left a program that it was to wait for');
  throw explainFailure(plan, outcome, kept.values);
}

/** Its exit status. @throws IsoError when it could not be started */
export function runCopyProgram(
  identity: OwnIdentity,
  container: Container,
  args: readonly string[],
  copying: Copying,
): Promise<number> {
  return (container.running ? runBeside : runAlone)(identity, container, args, copying);
}
