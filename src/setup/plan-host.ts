/** Items for the host's baseline. All of it is the create phase; what a chroot or a container cannot do is unavailable. Pure. */
import type { PolicyModuleFacts } from '../facts/selinux-modules.js';
import type { FeatureFacts, NodeFact, SettingFact } from '../facts/setup-host.js';
import { formatMode } from '../lib/units.js';
import { FUSE_DEVICE, SETTINGS } from './desired-host.js';
import { type DeferredFacts, planDeferral } from './plan-deferred.js';
import { digestOf, judgeFile } from './plan-files.js';
import { modeOf, planHostFile, type RenderedHostFile } from './plan-host-file.js';
import { type OptionalFile, type PamFacts, planOptional, planPam } from './plan-optional.js';
import { planPolicyModules } from './plan-selinux.js';
import { type Deployed, type HostState, remember } from './state.js';
import { type Item, type ItemText, item } from './step.js';

export interface HostFacts {
  files: readonly RenderedHostFile[];
  optional: readonly OptionalFile[];
  pam: PamFacts;
  /** Rendered only where AppArmor restricts user namespaces. */
  apparmor: RenderedHostFile | undefined;
  state: HostState;
  /** Whether the state file exists with exactly this content is seen by comparing. */
  hasState: boolean;
  stateFile: string;
  settings: ReadonlyMap<string, SettingFact>;
  modules: readonly { name: string; loaded: boolean; why: string | undefined }[];
  directories: readonly { path: string; mode: number; present: NodeFact | undefined }[];
  fuse: { path: string; present: NodeFact | undefined; udev: boolean };
  features: FeatureFacts;
  /** Why the kernel around us is not this system's; undefined when it is. */
  notRunning: string | undefined;
  /** What earlier runs left to the first boot. */
  deferred: DeferredFacts;
  policyModules: PolicyModuleFacts;
  /** A run that was killed had begun: a file may be in place that was not loaded. */
  isUnfinished: boolean;
}

const atBoot = (why: string) => `${why}; done at its boot`;

/** systemd is told of new unit files when it runs; otherwise it reads them when it starts. */
export function planReload(features: FeatureFacts): Item[] {
  const text = { kind: 'systemd', subject: 'unit files', current: 'old', desired: 'read again' };
  if (features.systemd !== undefined)
    return [item.unavailable('create', text, `${features.systemd}; read at the next boot`)];
  return [item.todo('create', text, { kind: 'systemd.reload', args: {} })];
}

/** A unit file, and the reload that makes it hold. */
function planUnit(
  file: RenderedHostFile,
  { state, features, isUnfinished }: Pick<HostFacts, 'state' | 'features' | 'isUnfinished'>,
): Item[] {
  const planned = planHostFile(file, state.files);
  return planned.step || isUnfinished ? [planned, ...planReload(features)] : [planned];
}

function planSetting(
  name: string,
  value: string,
  accepts: readonly string[],
  fact: SettingFact,
  notRunning: string | undefined,
): Item {
  const text: ItemText = { kind: 'setting', subject: name, current: fact.value ?? 'absent', desired: value };
  if (notRunning !== undefined)
    return item.unavailable('create', { ...text, current: 'not running' }, atBoot(notRunning));
  if (fact.value === undefined) return item.unavailable('create', text, 'this kernel has no such setting');
  if (accepts.includes(fact.value)) return item.unchanged('create', text, `already ${fact.value}`);
  if (!fact.writable) return item.unavailable('create', text, '/proc/sys is read-only here');
  return item.todo('create', text, { kind: 'setting.set', args: { name, value } });
}

function planSettings({ settings, notRunning }: HostFacts): Item[] {
  const none: SettingFact = { value: undefined, writable: false };
  return SETTINGS.map(({ name, value, accepts }) =>
    planSetting(name, value, accepts, settings.get(name) ?? none, notRunning),
  );
}

function planModules({ modules, notRunning }: HostFacts): Item[] {
  return modules.map(({ name, loaded, why }) => {
    const text = { kind: 'module', subject: name, current: loaded ? 'loaded' : 'not loaded', desired: 'loaded' };
    if (notRunning !== undefined)
      return item.unavailable('create', { ...text, current: 'not running' }, atBoot(notRunning));
    if (loaded) return item.unchanged('create', text, 'already in the kernel');
    if (why !== undefined) return item.unavailable('create', text, why);
    return item.todo('create', text, { kind: 'module.load', args: { name } });
  });
}

function planDirectories({ directories }: HostFacts): Item[] {
  return directories.map(({ path, mode, present }) => {
    const desired = `${formatMode(mode)} root`;
    const text = { kind: 'directory', subject: path, current: 'absent', desired };
    if (!present) return item.todo('create', text, { kind: 'directory.make', args: { path, mode } });
    const current = `${formatMode(present.mode)} ${present.uid === 0 ? 'root' : present.uid}`;
    if (present.mode === mode) return item.unchanged('create', { ...text, current }, `already ${current}`);
    return item.todo('create', { ...text, current }, { kind: 'mode.set', args: { path, mode } });
  });
}

function planFuse({ fuse, notRunning }: HostFacts): Item {
  const desired = formatMode(FUSE_DEVICE.mode);
  const text = { kind: 'device', subject: fuse.path, current: 'absent', desired };
  if (notRunning !== undefined) return item.unavailable('create', text, atBoot(notRunning));
  if (!fuse.present?.isCharacterDevice)
    return item.unavailable('create', text, 'this kernel or container has no FUSE device');
  const current = formatMode(fuse.present.mode);
  if (fuse.present.mode === FUSE_DEVICE.mode)
    return item.unchanged('create', { ...text, current }, `already ${current}`);
  if (fuse.udev) {
    return item.drift(
      'create',
      { ...text, current },
      'udev sets the modes of devices here, so a rule of this host decided it',
    );
  }
  const args = { path: fuse.path, mode: FUSE_DEVICE.mode };
  return item.todo('create', { ...text, current }, { kind: 'mode.set', args }, 'no udev runs that would set it');
}

function planAppArmor({ apparmor, features, state, isUnfinished }: HostFacts): Item[] {
  const text = { kind: 'apparmor', subject: 'profile iso-launch', current: 'absent', desired: 'loaded' };
  if (!apparmor) return [item.unavailable('create', text, features.apparmor ?? 'no profile was rendered')];
  const planned = planHostFile(apparmor, state.files);
  if (!planned.step && !isUnfinished) return [planned];
  return [planned, item.todo('create', text, { kind: 'apparmor.load', args: { path: apparmor.path } })];
}

/** The note of which file contents are ours, written before the files are. */
function planState(
  files: readonly RenderedHostFile[],
  { state, hasState, stateFile }: Pick<HostFacts, 'state' | 'hasState' | 'stateFile'>,
): Item {
  const after: Deployed = { ...state.files };
  for (const file of files) {
    const deployed = after[file.path] ?? [];
    const { action } = judgeFile({ ...file, mode: modeOf(file), deployed });
    if (action !== 'keep') after[file.path] = remember(deployed, digestOf(file.content));
  }
  const next: HostState = { schema: 1, files: after };
  const text = { kind: 'state', subject: stateFile, current: hasState ? 'older' : 'absent', desired: 'recorded' };
  if (JSON.stringify(next) === JSON.stringify(state))
    return item.unchanged('create', { ...text, current: 'recorded' }, 'already recorded');
  return item.todo('create', text, { kind: 'state.write', args: { path: stateFile, state: next } });
}

/** The delegation of controllers as part of a user's plan: without it the user's limits are worth nothing. */
export function planDelegation(
  file: RenderedHostFile,
  facts: Pick<HostFacts, 'state' | 'hasState' | 'stateFile' | 'features' | 'isUnfinished'>,
): Item[] {
  const note = planState([file], facts);
  return [...(note.step ? [note] : []), ...planUnit(file, facts)];
}

/** All items of the baseline, in the order in which they are done. */
export function planHost(facts: HostFacts): Item[] {
  const files = facts.files.flatMap((file) =>
    file.kind === 'delegation' ? planUnit(file, facts) : [planHostFile(file, facts.state.files)],
  );
  const wanted = facts.optional.filter((one) => one.why === undefined).map((one) => one.file);
  const items = [
    ...planDirectories(facts),
    planState([...facts.files, ...wanted, ...(facts.apparmor ? [facts.apparmor] : [])], facts),
    ...files,
    ...planSettings(facts),
    ...planModules(facts),
    planFuse(facts),
    ...planAppArmor(facts),
    planPolicyModules(facts.policyModules),
    ...facts.optional.flatMap((one) => planOptional(one, facts)),
    planPam(facts.pam),
  ];
  return [...items, ...planDeferral(items, facts)];
}
