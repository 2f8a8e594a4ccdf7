/** From a command line to a compiled plan: gathers facts, then calls the pure parts. Used by `run` and `plan` alike. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
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
import { type ContainerSpec, compileSpec, decideCapabilities } from './spec.js';
import { bindVolume, protectedDirectories } from './volumes.js';

export interface PreparedRun {
  identity: OwnIdentity;
  image: ImageRecord;
  spec: ContainerSpec;
  plan: LaunchPlan;
  digest: string;
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

/** @throws IsoError for anything that makes the run impossible; nothing has been created yet */
export function prepareRun(options: RunOptions, policy: Policy): PreparedRun {
  const identity = readOwnIdentity();
  const image = findImage(identity.store, options.image);
  const layers = image.layers.map((digest) => layerPath(identity.store, digest));
  const host = readRunHost(identity.uid, availableParallelism());
  const hidden = protectedDirectories(identity.home, identity.uid).map(realPathOf);
  const spec = compileSpec(options, policy, {
    host,
    image,
    layers,
    ids: identity.ids,
    user: readUser(options, image, layers, identity),
    volumes: options.volumes.map((volume) => bindVolume(volume, readVolume(volume.source), hidden)),
    seccomp: compileSeccomp(decideCapabilities(options, policy)),
  });
  const plan = compilePlan(spec);
  const { mount, manager } = host.cgroup;
  return {
    identity,
    image,
    spec,
    plan,
    digest: planDigest(plan),
    ...(spec.controllers.length > 0 && mount !== undefined ? { scopeParent: `${mount}${manager}/iso.slice` } : {}),
    ...(host.runtimeDir === undefined ? {} : { runtimeDir: host.runtimeDir }),
  };
}
