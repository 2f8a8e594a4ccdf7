/** Asks the host, users and running containers what the rules want to know. The only part of the report that looks. */
import { closeSync } from 'node:fs';
import { readProcessLabelFaults, readRootLabelFaults } from '../facts/container-labels.js';
import { TREE } from '../facts/container-record.js';
import { readContainerStore, type StoredContainer } from '../facts/containers.js';
import { absent, denied, type Fact, factOfError, failed, gone, measured } from '../facts/fact.js';
import { readCgroupMode, readEnforcingMac, readMappingToolFaults, readSysctl } from '../facts/kernel.js';
import { readProjectQuota } from '../facts/mounts-quota.js';
import { isHeld, type PidsByNamespace } from '../facts/processes.js';
import type { ProvisionedUser } from '../facts/provisioned.js';
import * as running from '../facts/running-containers.js';
import { longestRun, readSharedIds, readSubidFaults } from '../facts/subid-faults.js';
import { readTrailFaults } from '../facts/trail-files.js';
import { readHardLimit, readUncounted, readUsedPercent } from '../facts/tree-quota.js';
import { readTreeFaults } from '../facts/user-tree.js';
import { FILE_MODE, FILES, PRIVATE_DIRECTORIES, PRIVATE_MODE } from '../setup/desired-user.js';
import { openHome, openSafeDirectory, type SafeOptions } from '../sys/safe-file.js';
import type { Target } from './evaluate.js';
import { type ContainerProbe, type HostProbe, probeKey, type UserProbe } from './probes.js';
import type { Condition, Rule, Scope } from './rule.js';

const HOST: Record<HostProbe, (argument: string, trail: string) => Fact> = {
  'cgroup.mode': readCgroupMode,
  'kernel.sysctl': readSysctl,
  'mac.enforcing': readEnforcingMac,
  'mapping.tool-faults': readMappingToolFaults,
  'subids.faults': readSubidFaults,
  'subids.shared': readSharedIds,
  'trail.faults': (_, trail) => readTrailFaults(trail),
};

/** A user with the opened home, or why it was refused. */
interface UserContext {
  user: ProvisionedUser;
  home: { ok: true; fd: number } | { ok: false; why: string };
  options: SafeOptions;
  refused: string[];
}

function beneathHome({ home }: UserContext, read: (fd: number) => Fact): Fact {
  return home.ok ? read(home.fd) : failed(home.why);
}

function ofTree(context: UserContext, read: (fd: number, user: ProvisionedUser) => Fact): Fact {
  return beneathHome(context, (home) => {
    const tree = openSafeDirectory(home, TREE, context.options);
    if (!tree.ok) return tree.reason === 'denied' ? denied(tree.why) : failed(`${TREE}: ${tree.why}`);
    try {
      return read(tree.fd, context.user);
    } finally {
      closeSync(tree.fd);
    }
  });
}

/** Files are made on the first visit of iso-setup; one that a user removed is drift for it to mend, no open door. */
const WANTED = {
  directories: [PRIVATE_DIRECTORIES, { kind: 'directory', mode: PRIVATE_MODE, required: true }],
  files: [FILES.map(({ path }) => path), { kind: 'file', mode: FILE_MODE, required: false }],
} as const;

const USER: Record<UserProbe, (context: UserContext, argument: string) => Fact> = {
  'home.faults': ({ home }) => measured(home.ok ? [] : [home.why]),
  'subids.count': ({ user }, argument) => measured(longestRun(argument === 'uid' ? user.uids : user.gids)),
  'tree.faults': (context, argument) =>
    beneathHome(context, (home) => {
      const [paths, want] = argument === 'files' ? WANTED.files : WANTED.directories;
      return readTreeFaults(home, paths, want, context.options);
    }),
  'quota.enforced': (context) => ofTree(context, readProjectQuota),
  'quota.hard-limit': (context) => ofTree(context, readHardLimit),
  'quota.percent': (context) => ofTree(context, readUsedPercent),
  'quota.uncounted': (context) => ofTree(context, readUncounted),
  'store.refused': (context) => beneathHome(context, () => measured(context.refused)),
};

const CONTAINER: Record<ContainerProbe, (container: running.RunningContainer, argument: string) => Fact> = {
  'record.claim': () => measured([]),
  'namespaces.shared': (container, name) => running.readSharedNamespaces(container, [name]),
  'idmap.foreign': (container, which) => running.readForeignMappings(container, which === 'root' ? 'root' : 'foreign'),
  'threads.gaining-privileges': running.readThreadsGainingPrivileges,
  'threads.unfiltered': running.readThreadsUnfiltered,
  'capabilities.set': (container, set) => running.readCapabilities(container, set as running.CapabilitySet),
  'network.interfaces': running.readInterfaces,
  'mounts.shared': running.readSharedMounts,
  'mounts.uncovered': running.readUncoveredPaths,
  'cgroup.limit': (container, what) => running.readLimit(container, what === 'memory' ? 'memory.max' : 'pids.max'),
  'label.process-faults': readProcessLabelFaults,
  'label.root-faults': readRootLabelFaults,
};

type Facts = Record<string, Fact>;

/** Measures each condition of a scope once. What a probe throws is a fact too: one bad file must not end the report. */
function measureAll(rules: readonly Rule[], scope: Scope, ask: (condition: Condition) => Fact): Facts {
  const facts: Facts = {};
  for (const condition of rules.filter((rule) => rule.scope === scope).flatMap((rule) => rule.check)) {
    const key = probeKey(condition.probe, condition.argument);
    if (Object.hasOwn(facts, key)) continue;
    try {
      facts[key] = ask(condition);
    } catch (error) {
      facts[key] = factOfError(error, absent);
    }
  }
  return facts;
}

export function collectHost(rules: readonly Rule[], trail: string): Target {
  const facts = measureAll(rules, 'host', ({ probe, argument }) => HOST[probe as HostProbe](argument ?? '', trail));
  return { scope: 'host', name: 'host', facts };
}

function collectContainer(
  rules: readonly Rule[],
  user: ProvisionedUser,
  stored: StoredContainer,
  pids: PidsByNamespace,
): Target | undefined {
  const target = { scope: 'container', name: `${user.name}/${stored.record.name}`, user: user.name } as const;
  const all = (ask: (condition: Condition) => Fact) => measureAll(rules, 'container', ask);
  let found: ReturnType<typeof running.findContainer>;
  try {
    found = running.findContainer(stored, user, pids);
  } catch (error) {
    const fact = factOfError(error, () => gone('the container ended'));
    return { ...target, facts: all(() => fact) };
  }
  if (found === undefined) return undefined;
  if ('claim' in found) {
    const { claim } = found;
    const ask = ({ probe }: Condition) => (probe === 'record.claim' ? measured([claim]) : failed(claim));
    return { ...target, facts: all(ask) };
  }
  const container = found;
  try {
    const facts = all(({ probe, argument }) => CONTAINER[probe as ContainerProbe](container, argument ?? ''));
    // A process that is ending answers with empty files, which would look like good news.
    return { ...target, facts: isHeld(container.init) ? facts : all(() => gone('the container ended')) };
  } finally {
    container.init.close();
  }
}

/** A user and the running containers: the user's own target first. `pids` gives all processes by pid namespace. */
export function collectUser(rules: readonly Rule[], user: ProvisionedUser, pids: PidsByNamespace): Target[] {
  const options: SafeOptions = { owner: user.uid, crossMounts: user.crossMounts };
  const { deadHome } = user;
  const home = deadHome === undefined ? openHome(user.home, user.uid) : ({ ok: false, why: deadHome } as const);
  try {
    const store = home.ok ? readContainerStore(home.fd, options) : { containers: [], refused: [] };
    const refused = store.refused.map(({ entry, why }) => `${entry}: ${why}`);
    const context: UserContext = { user, home, options, refused };
    const facts = measureAll(rules, 'user', ({ probe, argument }) => USER[probe as UserProbe](context, argument ?? ''));
    const containers = store.containers.flatMap((stored) => collectContainer(rules, user, stored, pids) ?? []);
    return [{ scope: 'user', name: user.name, user: user.name, facts }, ...containers];
  } finally {
    if (home.ok) closeSync(home.fd);
  }
}
