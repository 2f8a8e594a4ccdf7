/** From a command line to a compiled plan: gathers facts, then calls the pure parts. Used by `run` and `plan` alike. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { TREE } from '../facts/container-record.js';
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
import { isKnownContext, readLaunchSelinux } from '../facts/selinux.js';
import { readVolume, realPathOf } from '../facts/volumes.js';
import type { ImageRecord } from '../image/record.js';
import { findImage, layerPath } from '../image/store.js';
import { mappedIds } from '../lib/id-mapping.js';
import type { Policy } from '../policy/policy.js';
import { installed } from '../sys/install.js';
import { planDigest } from '../sys/launcher/encode.js';
import type { LaunchPlan } from '../sys/launcher/ops.js';
import { compileFilter } from '../sys/libseccomp.js';
import { compilePlan } from './compile-plan.js';
import { readLayerFile } from './image-files.js';
import { type PayloadUser, resolveUser } from './image-user.js';
import type { RunOptions } from './options.js';
import { parseProfile, resolveProfile } from './seccomp-profile.js';
import { type LabelBase, labelBase } from './selinux.js';
import { type ContainerSpec, compileSpec, decideCapabilities, type SpecFacts } from './spec.js';
import { bindVolume, protectedDirectories } from './volumes.js';

export interface PreparedRun {
  identity: OwnIdentity;
  image: ImageRecord;
  spec: ContainerSpec;
  plan: LaunchPlan;
  digest: string;
  /** What the labels of this login's containers share; undefined when the container gets none. */
  labels?: LabelBase;
  /** Directory of the scope's cgroup, given the scope's name; undefined without delegation. */
  scopeParent?: string;
  runtimeDir?: string;
}

function compileSeccomp(capabilities: readonly string[]): ContainerSpec['seccomp'] {
  const profile = parseProfile(readFileSync(installed('templates/user/seccomp.json'), 'utf8'));
  const { main, quiet } = resolveProfile(profile, { arch: process.arch, capabilities });
  return { main: compileFilter(main), quiet: compileFilter(quiet) };
}

function readUser(options: RunOptions, image: ImageRecord, layers: string[], identity: OwnIdentity): PayloadUser {
  const read = (path: string) => readLayerFile(layers, path) ?? '';
  const ids = { uid: mappedIds(identity.ids.uid), gid: mappedIds(identity.ids.gid) };
  return resolveUser(options.user ?? (image.config.user || '0'), read('etc/passwd'), read('etc/group'), ids);
}

function readSelinux({ home }: OwnIdentity): SpecFacts['selinux'] {
  const facts = readLaunchSelinux(join(home, TREE));
  return facts && labelBase(facts, isKnownContext);
}

/** @throws IsoError for anything that makes the run impossible; nothing has been created yet */
export function prepareRun(options: RunOptions, policy: Policy): PreparedRun {
  const identity = readOwnIdentity();
  const image = findImage(identity.store, options.image);
  const layers = image.layers.map((digest) => layerPath(identity.store, digest));
  const host = readRunHost(identity.uid, availableParallelism());
  const hidden = protectedDirectories(identity.home, identity.uid).map(realPathOf);
  const selinux = readSelinux(identity);
  const spec = compileSpec(options, policy, {
    host,
    image,
    layers,
    ids: identity.ids,
    user: readUser(options, image, layers, identity),
    volumes: options.volumes.map((volume) => bindVolume(volume, readVolume(volume.source), hidden)),
    seccomp: compileSeccomp(decideCapabilities(options, policy)),
    ...(selinux === undefined ? {} : { selinux }),
  });
  const plan = compilePlan(spec);
  const { mount, manager } = host.cgroup;
  return {
    identity,
    image,
    spec,
    plan,
    digest: planDigest(plan),
    ...(spec.labelled && selinux && !('why' in selinux) ? { labels: selinux } : {}),
    ...(spec.controllers.length > 0 && mount !== undefined ? { scopeParent: `${mount}${manager}/iso.slice` } : {}),
    ...(host.runtimeDir === undefined ? {} : { runtimeDir: host.runtimeDir }),
  };
}
