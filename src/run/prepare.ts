/** From a command line to a compiled plan: gathers facts, then calls the pure parts. Used by `run` and `plan` alike. */
import { readFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { TREE } from '../facts/container-record.js';
import { readBlockDevice, readCharacterDevice } from '../facts/devices.js';
import { endsAtLogout, lingerFile } from '../facts/linger.js';
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { INIT_PROGRAMS, type RunHostFacts, readRunHost, sessionDirectory } from '../facts/run-host.js';
import { isKnownContext, readLaunchSelinux } from '../facts/selinux.js';
import { readVolume, realPathOf } from '../facts/volumes.js';
import type { ImageRecord } from '../image/record.js';
import { recordFileName } from '../image/reference.js';
import { findImage, layerPath } from '../image/store.js';
import { IsoError } from '../lib/errors.js';
import { mappedIds } from '../lib/id-mapping.js';
import type { Policy } from '../policy/policy.js';
import { policyFiles } from '../policy/read-policy.js';
import { installed } from '../sys/install.js';
import { planDigest } from '../sys/launcher/encode.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import { compileFilter } from '../sys/libseccomp.js';
import { USER_SPOOL } from '../trail/record-event.js';
import { compactFilter } from './compact-filter.js';
import { compilePlan } from './compile-plan.js';
import { bindDevice } from './devices.js';
import { readLayerFile } from './image-files.js';
import { addGroups, type PayloadUser, resolveUser } from './image-user.js';
import type { DeviceRate } from './limits.js';
import { lingerWarning } from './linger.js';
import type { Volume } from './options/volumes.js';
import type { RunOptions } from './options.js';
import { type Place, placeOf } from './place.js';
import { decideFilters, type LoggedFilter } from './seccomp-filters.js';
import { labelBase } from './selinux.js';
import { type ContainerSpec, compileSpec, decideCapabilities, type FilterProgram, type SpecFacts } from './spec.js';
import { FILTER_LIBRARY, filterKey, readStoredFilters } from './stored-filter.js';
import { type BoundVolume, bindStored, bindVolume, protectedDirectories, type StoredVolume } from './volumes.js';

/** What a plan was compiled from. */
export interface RunSources {
  /** Files and directories, there or not. */
  files: string[];
  /** Small files of the kernel, whose text counts. */
  texts: string[];
  /** Real paths of what no volume may show. */
  hidden: string[];
}

export interface PreparedRun extends Place {
  identity: OwnIdentity;
  image: ImageRecord;
  spec: ContainerSpec;
  plan: LaunchPlan;
  digest: string;
  filter: { key: string; isStored: boolean };
  sources: RunSources;
  /** From this use of the tree's quota on, in percent, nothing is begun; 0 for never. */
  room: { refuse: number; home: string; tree: string };
}

/** `base` of `registry/team/base:latest`: the beginning of the name of a container that was given none. */
const stemOf = (image: string) => (image.split('/').at(-1) ?? image).split(':')[0] ?? image;

/** Beyond it a failed start is told without the options that led to its ops. */
const MAX_ORIGINS = 64 * 2 ** 10;

/** What a later launch tells a failure by: the plan that is kept has no words. */
function originsOf({ plan, spec }: PreparedRun): RunValues {
  const text = JSON.stringify(plan.map(({ origin }) => origin));
  return spec.restartable && text.length < MAX_ORIGINS ? [['origins', text]] : [];
}

/** Values that are the same in every run of a plan. */
export function constantsOf(prepared: PreparedRun): RunValues {
  const { identity, image, digest, session, scopeParent } = prepared;
  return [
    ['store', identity.store],
    ['session', session],
    ['stem', stemOf(image.name)],
    ['plan', digest],
    ['image', image.name],
    ...originsOf(prepared),
    ...(scopeParent === undefined ? [] : [['scope-parent', scopeParent] as const]),
  ];
}

/** As many instructions as the kernel takes (linux/bpf_common.h, BPF_MAXINSNS). */
const MAX_FILTER_BYTES = 4096 * 8;

function compileFilters(filters: readonly LoggedFilter[]): FilterProgram[] {
  const programs = filters.map(({ log, own, filter }) => {
    const program = compileFilter(filter);
    return { log, program: log && !own ? compactFilter(program) : program };
  });
  const large = programs.find(({ program }) => program.length > MAX_FILTER_BYTES);
  if (!large) return programs;
  const why = `it makes ${large.program.length / 8} instructions, and the kernel takes ${MAX_FILTER_BYTES / 8}`;
  throw new IsoError('seccomp.invalid', 'cannot use the seccomp profile', why);
}

function prepareSeccomp(session: string, options: RunOptions, policy: Policy) {
  const context = { arch: process.arch, capabilities: decideCapabilities(options, policy), kernel: release() };
  const text = readFileSync(installed('templates/user/seccomp.json'), 'utf8');
  const { filters, ...decision } = decideFilters(options.security, policy.run, text, context);
  const key = filterKey(filters);
  const stored = readStoredFilters(session, key, filters.length);
  return {
    facts: { programs: stored ?? compileFilters(filters), ...decision },
    filter: { key, isStored: stored !== undefined },
  };
}

/** @throws IsoError usage.invalid */
export function readRates(throttles: RunOptions['throttles']): DeviceRate[] {
  return throttles.map(({ device, ...throttle }) => {
    const found = readBlockDevice(device);
    if ('why' in found) throw new IsoError('usage.invalid', `cannot use ${throttle.origin}`, found.why);
    return { ...throttle, numbers: found.numbers };
  });
}

function readUser(options: RunOptions, image: ImageRecord, layers: string[], identity: OwnIdentity): PayloadUser {
  const read = (path: string) => readLayerFile(layers, path) ?? '';
  const ids = { uid: mappedIds(identity.ids.uid), gid: mappedIds(identity.ids.gid) };
  const groups = read('etc/group');
  const user = resolveUser(options.user ?? (image.config.user || '0'), read('etc/passwd'), groups, ids);
  return addGroups(user, options.groups, groups, ids.gid);
}

function readSelinux({ home }: OwnIdentity): SpecFacts['selinux'] {
  const facts = readLaunchSelinux(join(home, TREE));
  return facts && labelBase(facts, isKnownContext);
}

const OWN_PROGRAMS = ['iso-run.js', 'iso-run-run.js', 'iso-front', 'iso-launch', 'iso-session', 'iso-keeper'];
const HOST_FILES = ['/etc/passwd', '/etc/group', '/etc/subuid', '/etc/subgid', '/etc/nsswitch.conf', '/dev/fuse'];
const HOST_PROGRAMS = ['/usr/bin/fuse-overlayfs', '/usr/bin/newuidmap', '/usr/bin/newgidmap'];
const KERNEL_TEXTS = [
  '/proc/sys/kernel/random/boot_id',
  '/sys/devices/system/cpu/online',
  '/sys/fs/selinux/enforce',
  '/proc/self/attr/current',
];

function readSources(
  { name, uid, home, store }: OwnIdentity,
  image: ImageRecord,
  layers: readonly string[],
  { cgroup }: RunHostFacts,
  hidden: string[],
): RunSources {
  const inLayers = layers.flatMap((layer) => [layer, `${layer}/etc`, `${layer}/etc/passwd`, `${layer}/etc/group`]);
  const { mount, manager } = cgroup;
  return {
    files: [
      ...['/etc/iso', '/etc/iso/policy.d', ...policyFiles('/etc/iso')],
      ...HOST_FILES,
      ...HOST_PROGRAMS,
      ...INIT_PROGRAMS,
      ...['templates/user/seccomp.json', ...OWN_PROGRAMS].map(installed),
      FILTER_LIBRARY,
      // What no volume may show is kept by its real path; the user may put a link here.
      join(home, '.config/containers'),
      join(home, TREE),
      join(store, 'images', recordFileName(image.name)),
      `/run/user/${uid}/systemd/private`,
      `/${lingerFile(name)}`,
      ...inLayers,
    ],
    texts: [
      ...KERNEL_TEXTS,
      ...(mount === undefined || manager === undefined ? [] : [`${mount}${manager}/cgroup.controllers`]),
    ],
    hidden,
  };
}

function bindOne(volume: Volume, hidden: readonly string[]): BoundVolume {
  const facts = readVolume(volume.source);
  return volume.named || volume.secret ? bindStored(volume as StoredVolume, facts) : bindVolume(volume, facts, hidden);
}

function readLinger(options: RunOptions, identity: OwnIdentity, policy: Policy, refused: string | undefined) {
  if (options.mode !== 'detached') return undefined;
  return lingerWarning(identity.name, { isOff: endsAtLogout(identity), refused }, policy.linger);
}

/**
 * `refused`: why the user's containers cannot outlive the login, where that was asked for.
 * @throws IsoError for anything that makes the run impossible; nothing has been created yet
 */
export function prepareRun(options: RunOptions, policy: Policy, refused?: string): PreparedRun {
  const identity = readOwnIdentity();
  const image = findImage(identity.store, options.image);
  const layers = image.layers.map((digest) => layerPath(identity.store, digest));
  const host = readRunHost(identity.uid, availableParallelism());
  const hidden = protectedDirectories(identity.home, identity.uid).map(realPathOf);
  const selinux = readSelinux(identity);
  const tree = join(identity.home, TREE);
  const session = sessionDirectory(identity.home, host.runtimeDir);
  const seccomp = prepareSeccomp(session, options, policy);
  const spec = compileSpec(options, policy, {
    host,
    image,
    layers,
    ids: identity.ids,
    user: readUser(options, image, layers, identity),
    volumes: options.volumes.map((volume) => bindOne(volume, hidden)),
    rates: readRates(options.throttles),
    devices: options.devices.map((device) => bindDevice(device, readCharacterDevice(device.source), identity.uid)),
    seccomp: seccomp.facts,
    lingerWarning: readLinger(options, identity, policy, refused),
    ...(selinux === undefined ? {} : { selinux }),
  });
  const labels = spec.labelled && selinux && !('why' in selinux) ? selinux : undefined;
  const plan = compilePlan(spec, {
    store: identity.store,
    spool: join(identity.home, USER_SPOOL),
    uid: identity.uid,
    image: image.name,
    ...(labels ? { labels } : {}),
  });
  return {
    identity,
    image,
    spec,
    plan,
    digest: planDigest(plan),
    ...placeOf(host, identity.home, spec.controllers.length > 0),
    filter: seccomp.filter,
    sources: readSources(identity, image, layers, host, hidden),
    room: { refuse: policy.quota.refuse, home: identity.home, tree },
  };
}
