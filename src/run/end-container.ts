/** Signals to containers, and their end; each is an event of the trail. */
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { type RecordedProcess, type Signalled, signalProcess } from '../sys/launcher/signal.js';
import { type NewEvent, recordEvent } from '../trail/record-event.js';
import { waitForBooks } from './container-state.js';
import { type Container, listContainers } from './records.js';
import { forbidRestart, waitForRelease } from './restarts.js';
import { parseSignal, type Signal } from './signals.js';

const SIGKILL = parseSignal('KILL');

/** The process of a running container. @throws IsoError container.state */
export function requireRunning({ record, state, running }: Container, verb: string): RecordedProcess {
  const { pid, startTime } = state;
  if (running && pid !== undefined && startTime !== undefined) return { pid, startTime };
  throw new IsoError(
    'container.state',
    `cannot ${verb} ${record.name}`,
    `it does not run: its state is ${state.status}`,
  );
}

/** An event of this container's life. */
export function recordLifecycle(
  { record }: Container,
  action: string,
  message: string,
  details: NewEvent['details'] = {},
): void {
  recordEvent({
    category: 'lifecycle',
    action,
    outcome: 'success',
    severity: 'info',
    message: `container ${record.name} ${message}`,
    container: { id: record.id, name: record.name, image: record.image.slice(0, 256) },
    plan: record.plan,
    details,
  });
}

/** Whoever sends one of these wants no more of the container. */
const ENDING = ['SIGKILL', 'SIGTERM'];

/** @throws IsoError container.state, permission.denied */
export async function killContainer(store: string, container: Container, signal: Signal): Promise<void> {
  if (ENDING.includes(signal.name) || signal.name === container.record.stopSignal)
    forbidRestart(store, container.record);
  const done = await signalProcess(requireRunning(container, 'kill'), signal.number);
  if (done === 'gone') requireRunning({ ...container, running: false }, 'kill');
  recordLifecycle(container, 'container.kill', `was sent ${signal.name}`, { signal: signal.name });
}

const find = ({ home, uid }: OwnIdentity, id: string) =>
  listContainers(home, uid).find(({ record }) => record.id === id);

/** One that does not run may wait to be started again. */
async function endWaiting({ store }: OwnIdentity, { record }: Container): Promise<void> {
  forbidRestart(store, record);
  await waitForRelease(store, record);
}

/** Ends a container, or finds it ended; afterwards its records say so. @throws IsoError permission.denied */
async function end(identity: OwnIdentity, container: Container, signal: Signal, timeMs: number): Promise<Signalled> {
  const { record } = container;
  forbidRestart(identity.store, record);
  const done = await signalProcess(requireRunning(container, 'stop'), signal.number, timeMs);
  await waitForBooks(identity.store, record.id);
  // One whose payload was started again at the same moment runs, and then for the last time.
  const again = record.restart === undefined ? undefined : find(identity, record.id);
  return again?.running ? end(identity, again, signal, timeMs) : done;
}

const STOP_SECONDS = 10;

/** As `podman stop`: the signal of the run, and SIGKILL after the time. One that has ended is as it should be. */
export async function stopContainer(identity: OwnIdentity, container: Container, time?: number): Promise<void> {
  if (!container.running) return endWaiting(identity, container);
  const { stopSignal = 'SIGTERM', stopTimeout = STOP_SECONDS } = container.record;
  const [signal, seconds] = [parseSignal(stopSignal), time ?? stopTimeout];
  const killed = (await end(identity, container, signal, seconds * 1000)) === 'killed';
  const how = killed ? `was killed after ${seconds} s` : 'was stopped';
  recordLifecycle(container, 'container.stop', how, { signal: signal.name, killed });
}

const KILLED_MS = 10_000;

/** Ends a container at once. A record that names somebody else's process is none of a container that runs. */
export async function forceEnd(identity: OwnIdentity, container: Container): Promise<void> {
  if (!container.running) return endWaiting(identity, container);
  try {
    await end(identity, container, SIGKILL, KILLED_MS);
  } catch (error) {
    if (!(error instanceof IsoError) || error.code !== 'permission.denied') throw error;
  }
}
