/** What the commands on containers do. */
import { readOwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { copyContainer } from '../run/copy-container.js';
import { parseCopy } from '../run/copy-paths.js';
import { killContainer, stopContainer } from '../run/end-container.js';
import { removeOwnVolumes } from '../run/named-volumes.js';
import { parseLimits } from '../run/options.js';
import { setPaused } from '../run/pause-container.js';
import { readRates } from '../run/prepare.js';
import { type Container, listContainers } from '../run/records.js';
import { removeContainer } from '../run/remove-container.js';
import { renameContainer } from '../run/rename-container.js';
import { selectContainers } from '../run/select-containers.js';
import { parseSignal } from '../run/signals.js';
import { updateContainer } from '../run/update-container.js';
import { parseCondition, parseInterval, waitForContainer } from '../run/wait-container.js';
import type { KillFlags, RemoveFlags, SelectFlags, StopFlags, UpdateFlags, WaitFlags } from './iso-run-control.js';
import { onEach } from './on-each.js';

/** The containers that are meant; of `--all` those for which `fits` holds. */
function choose(names: string[], flags: SelectFlags, fits: (container: Container) => boolean) {
  const identity = readOwnIdentity();
  const selected = selectContainers(listContainers(identity.home, identity.uid), names, flags);
  return { identity, selected: flags.all ? selected.filter(({ container }) => fits(container)) : selected };
}

const isRunning = ({ running }: Container) => running;

/** @throws IsoError usage.invalid */
export function parseSeconds(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 86_400) return Number(text);
  throw new IsoError('usage.invalid', `cannot use --time ${text}`, 'it is not a number of seconds up to 86400');
}

export async function stop(names: string[], flags: StopFlags): Promise<void> {
  const seconds = flags.time === undefined ? undefined : parseSeconds(flags.time);
  const { identity, selected } = choose(names, flags, isRunning);
  await onEach(selected, (container) => stopContainer(identity, container, seconds));
}

export async function kill(names: string[], flags: KillFlags): Promise<void> {
  const signal = parseSignal(flags.signal);
  const { identity, selected } = choose(names, flags, isRunning);
  await onEach(selected, (container) => killContainer(identity.store, container, signal));
}

export async function wait(names: string[], flags: WaitFlags): Promise<void> {
  const options = { condition: parseCondition(flags.condition), intervalMs: parseInterval(flags.interval) };
  const { identity, selected } = choose(names, flags, isRunning);
  await onEach(selected, async (container) => String(await waitForContainer(identity, container, options)));
}

export async function pause(names: string[], flags: SelectFlags): Promise<void> {
  const { selected } = choose(names, flags, ({ running, paused }) => running && !paused);
  await onEach(selected, (container) => setPaused(container, true));
}

export async function unpause(names: string[], flags: SelectFlags): Promise<void> {
  const { selected } = choose(names, flags, ({ paused }) => paused);
  await onEach(selected, (container) => setPaused(container, false));
}

export function rename(reference: string, name: string): void {
  const { identity, selected } = choose([reference], {}, () => true);
  for (const { container } of selected) renameContainer(identity.store, container, name);
}

export async function update(names: string[], { latest, ...flags }: UpdateFlags): Promise<void> {
  const limits = parseLimits(flags);
  const rates = readRates(limits.throttles);
  const { identity, selected } = choose(names, latest ? { latest } : {}, () => true);
  await onEach(selected, (container) => updateContainer(identity, container, limits, rates));
}

export async function remove(names: string[], flags: RemoveFlags): Promise<void> {
  const force = flags.force ?? false;
  const { identity, selected } = choose(names, flags, ({ running }) => force || !running);
  await onEach(selected, async (container) => {
    await removeContainer(identity, container, force);
    if (flags.volumes) await removeOwnVolumes(identity, container.record.volumes ?? []);
  });
}

export async function copy(source: string, destination: string): Promise<void> {
  const request = parseCopy(source, destination);
  const reference =
    'container' in request.from ? request.from.container : 'container' in request.to ? request.to.container : '';
  const { identity, selected } = choose([reference], {}, () => true);
  for (const { container } of selected) await copyContainer(identity, container, request);
}
