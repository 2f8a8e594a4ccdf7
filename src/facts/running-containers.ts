/** A container as the kernel shows it. The record only says where to look; nothing in it is believed that can be measured. */
import { existsSync, readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { isSameProcess } from './container-record.js';
import type { StoredContainer } from './containers.js';
import { absent, type Fact, factOfError, failed, gone, measured } from './fact.js';
import { findCgroup2 } from './kernel.js';
import { type Mount, mountOf, parseMountinfo } from './mounts.js';
import {
  type HeldProcess,
  holdProcess,
  hostNamespaces,
  isHeld,
  type PidsByNamespace,
  type ProcessStatus,
  parseIdMap,
  parseStatus,
} from './processes.js';
import { type IdRange, mergeRanges } from './subids.js';

/** Who a container may run as: its user and that user's subordinate ids. */
interface Ownership {
  uid: number;
  gid: number;
  uids: readonly IdRange[];
  gids: readonly IdRange[];
}

export interface RunningContainer {
  stored: StoredContainer;
  init: HeldProcess;
  owner: Ownership;
  /** Pids of all processes in its pid namespace. */
  members: readonly number[];
}

function within(id: number, ranges: readonly IdRange[]): boolean {
  return ranges.some(({ start, count }) => id >= start && id < start + count);
}

function ownsProcess({ uids }: ProcessStatus, owner: Ownership): boolean {
  return uids.length === 4 && uids.every((uid) => uid === owner.uid || within(uid, owner.uids));
}

/**
 * Finds the process that a record names. Undefined when the container does not run (any more). `claim` tells of a
 * record that names a process which is not this user's: a forgery, or a pid used again.
 */
export function findContainer(
  stored: StoredContainer,
  owner: Ownership,
  pids: PidsByNamespace,
): RunningContainer | { claim: string } | undefined {
  const { state } = stored;
  if (state.status !== 'running' || state.pid === undefined) return undefined;
  let init: HeldProcess | undefined;
  try {
    init = holdProcess(state.pid);
    if (!isSameProcess(state, init.read('stat')) || !isHeld(init)) return release(init);
    if (!ownsProcess(parseStatus(init.read('status')), owner)) {
      init.close();
      return { claim: `its record names process ${state.pid}, which does not run as this user` };
    }
    const maker = init.usernsOwner();
    if (maker !== owner.uid && !within(maker, owner.uids)) {
      init.close();
      return { claim: `its record names process ${state.pid}, whose user namespace belongs to uid ${maker}` };
    }
    return { stored, init, owner, members: pids().get(init.link('ns/pid')) ?? [state.pid] };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return release(init);
    init?.close();
    throw error;
  }
}

function release(process: HeldProcess | undefined): undefined {
  process?.close();
  return undefined;
}

/** Runs one measurement; what it throws becomes a fact about the container. */
function measure(container: RunningContainer, read: () => Fact): Fact {
  try {
    return read();
  } catch (error) {
    return isHeld(container.init)
      ? factOfError(error, () => failed('a file of /proc is missing'))
      : gone('the container ended');
  }
}

/** Every thread of every process of the container. A member that ended meanwhile is left out; the first one may not. */
function statuses(container: RunningContainer): { thread: number; status: ProcessStatus }[] {
  const found: { thread: number; status: ProcessStatus }[] = [];
  for (const pid of new Set([container.init.pid, ...container.members])) {
    const own = pid === container.init.pid;
    try {
      const process = own ? container.init : holdProcess(pid);
      try {
        for (const thread of process.threads()) {
          const status = parseStatus(process.read(`task/${thread}/status`));
          // Dead and not yet reaped: nothing runs there, and its fields are already empty.
          if (!['Z', 'X'].includes(status.state)) found.push({ thread, status });
        }
      } finally {
        if (!own) process.close();
      }
    } catch (error) {
      if (own || !hasErrno(error, 'ENOENT', 'ESRCH')) throw error;
    }
  }
  return found;
}

/** Names of those namespaces among `names` that the container shares with the host. */
export function readSharedNamespaces(container: RunningContainer, names: readonly string[]): Fact {
  return measure(container, () =>
    measured(names.filter((name) => hostNamespaces(name).includes(container.init.link(`ns/${name}`)))),
  );
}

/** Rows of the id maps that reach host id 0, or ids that are not the user's. */
export function readForeignMappings(container: RunningContainer, which: 'root' | 'foreign'): Fact {
  return measure(container, () => {
    const { uid, gid, uids, gids } = container.owner;
    const rows = (['uid', 'gid'] as const).flatMap((kind) => {
      const [own, ranges] = kind === 'uid' ? [uid, uids] : [gid, gids];
      return parseIdMap(container.init.read(`${kind}_map`))
        .filter(({ hostId, size }) =>
          which === 'root'
            ? hostId === 0
            : !(hostId === own && size === 1) && !coveredBy({ start: hostId, count: size }, ranges),
        )
        .map(({ containerId, hostId, size }) => `${kind} ${containerId} -> host ${hostId}, ${size}`);
    });
    return measured(rows);
  });
}

function coveredBy(part: IdRange, ranges: readonly IdRange[]): boolean {
  return mergeRanges(ranges).some(
    ({ start, count }) => part.start >= start && part.start + part.count <= start + count,
  );
}

/** Threads (host ids) that could gain privileges by executing a file. */
export function readThreadsGainingPrivileges(container: RunningContainer): Fact {
  return measure(container, () =>
    measured(
      statuses(container)
        .filter(({ status }) => status.noNewPrivs !== 1)
        .map(({ thread }) => `thread ${thread}`),
    ),
  );
}

/** Threads (host ids) that run without a system-call filter. */
export function readThreadsUnfiltered(container: RunningContainer): Fact {
  return measure(container, () =>
    measured(
      statuses(container)
        .filter(({ status }) => status.seccomp !== 2)
        .map(({ thread }) => `thread ${thread}`),
    ),
  );
}

export type CapabilitySet = keyof ProcessStatus['capabilities'];

/** Capabilities that any thread has in one of the five sets. */
export function readCapabilities(container: RunningContainer, set: CapabilitySet): Fact {
  return measure(container, () =>
    measured([...new Set(statuses(container).flatMap(({ status }) => status.capabilities[set]))].sort()),
  );
}

/** Network interfaces other than loopback. */
export function readInterfaces(container: RunningContainer): Fact {
  return measure(container, () =>
    measured(
      container.init
        .read('net/dev')
        .split('\n')
        .flatMap((line) => /^\s*([^\s:|]+):/.exec(line)?.[1] ?? [])
        .filter((name) => name !== 'lo'),
    ),
  );
}

function mountsOf(container: RunningContainer): Mount[] {
  return parseMountinfo(container.init.read('mountinfo'));
}

/** Mounts whose changes travel to or from another group of mounts. */
export function readSharedMounts(container: RunningContainer): Fact {
  return measure(container, () =>
    measured(
      mountsOf(container)
        .filter(({ propagation }) => propagation.some((tag) => tag.startsWith('shared:')))
        .map(({ destination }) => destination),
    ),
  );
}

const KERNEL_PATHS = ['/proc/kcore', '/proc/keys', '/proc/sysrq-trigger', '/proc/timer_list', '/sys/firmware'];

/** Paths that speak of or act on the host's kernel and are neither covered by another mount nor read-only. */
export function readUncoveredPaths(container: RunningContainer): Fact {
  return measure(container, () => {
    const mounts = mountsOf(container);
    const open = KERNEL_PATHS.filter((path) => {
      const mount = mountOf(mounts, path);
      // On the container's own root file system it is a file of the image, not the kernel's.
      if (!mount || mount.destination === '/') return false;
      return mount.destination !== path && !mount.options.includes('ro');
    });
    // What this kernel does not have needs no cover; it is the same kernel on the host.
    return measured(open.filter((path) => existsSync(path)));
  });
}

/** The tightest limit from the container's cgroup up to the root: a number, or `max` when there is none. */
export function readLimit(container: RunningContainer, file: 'memory.max' | 'pids.max'): Fact {
  return measure(container, () => {
    const cgroup2 = findCgroup2();
    if (!cgroup2) return absent('no cgroup v2 hierarchy is mounted');
    const path = /^0::(.*)$/m.exec(container.init.read('cgroup'))?.[1];
    if (path === undefined) return absent('the container is in no cgroup of version 2');
    if (path.split('/').includes('..')) return failed('its cgroup lies outside of what this process sees');
    let tightest: number | undefined;
    let offered = false;
    for (let group = path; group !== '' && group !== '/'; group = group.slice(0, group.lastIndexOf('/'))) {
      const text = readOptional(`${cgroup2.root}${group}/${file}`);
      offered ||= text !== undefined;
      if (text !== undefined && text !== 'max') tightest = Math.min(tightest ?? Number.POSITIVE_INFINITY, Number(text));
    }
    if (!offered)
      return absent(`the ${file.slice(0, file.indexOf('.'))} controller is not available in cgroup v2 here`);
    return measured(tightest ?? 'max');
  });
}

function readOptional(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}
