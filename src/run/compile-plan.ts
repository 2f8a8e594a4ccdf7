/** A specification to the launch plan: the ops in the order in which the launcher carries them out. Pure. */
import { childMapping, mapText } from '../lib/id-mapping.js';
import type { LaunchPlan, PlannedOp } from '../sys/launcher/ops.js';
import { compileCgroup } from './compile/cgroup.js';
import { compileFileSystems, compileVolumes, fileLabel, merged } from './compile/mounts.js';
import { compileNetwork, compileSysctls, compileSysfs } from './compile/network.js';
import { compileProcess } from './compile/payload.js';
import {
  type Add,
  type Books,
  compileCreation,
  compileEnd,
  compileHold,
  compileRestart,
  compileStart,
  compileSupervision,
} from './compile-records.js';
import { MASKED_PATHS, READONLY_PATHS } from './default-mounts.js';
import type { ContainerSpec } from './spec.js';

function compileRelabels({ volumes, labelled }: ContainerSpec, add: Add): void {
  if (!labelled) return;
  for (const { index, relabel, origin } of volumes) {
    if (relabel === undefined) continue;
    add(
      'host',
      origin,
      'relabel',
      { argument: `volume.${index}` },
      { argument: relabel === 'shared' ? 'shared-label' : 'file-label' },
    );
  }
}

function compileHost(spec: ContainerSpec, add: Add): void {
  compileRelabels(spec, add);
  compileCgroup(spec, add);
  compileSupervision(spec, add);
  compileRestart(spec, add);
  const { terminal, stdin } = spec.process;
  const mode = terminal ? (stdin ? 'terminal' : 'terminal-null') : stdin ? 'pipe' : 'null';
  add('host', terminal ? '--tty' : 'standard streams', 'stdio', mode, fileLabel(spec));
  const { uid, gid } = spec.ids;
  add('host', 'id mapping', 'session', '/usr/bin/newuidmap', mapText(uid), '/usr/bin/newgidmap', mapText(gid));
}

function compileStorage(spec: ContainerSpec, add: Add): void {
  const origin = `storage driver ${spec.root.driver}`;
  // Overlay names the uppermost layer first.
  const lower = [...spec.root.layers].reverse().join(':');
  const upper = { argument: 'upper' } as const;
  const work = { argument: 'work' } as const;
  if (spec.root.driver === 'overlay') {
    add('session', origin, 'overlay', lower, upper, work, merged, 'userxattr', fileLabel(spec));
  } else {
    // A directory has one link, as one of the kernel's overlay that two layers have: to count them it would read its entries.
    add('session', origin, 'fuse-overlayfs', '/usr/bin/fuse-overlayfs', lower, upper, work, merged, 'static_nlink');
  }
}

function compileSession(spec: ContainerSpec, add: Add): void {
  // Only a program that serves the files has use for it, and a move can wait for the whole machine (cgroup_attach_lock).
  const hasStorage = spec.controllers.length > 0 && spec.root.driver === 'fuse-overlayfs';
  if (hasStorage) add('session', 'cgroup', 'cgroup-write', { argument: 'storage' }, 'cgroup.procs', '0');
  add('session', 'mount namespace', 'propagation', 'private');
  compileNetwork(spec, 'session', add);
  if (spec.networkOwner === 'session') {
    // A capability of the container's root counts for nothing there, and would not let it listen on port 80.
    add('session', 'ports below 1024', 'sysctl', 'net/ipv4/ip_unprivileged_port_start', '0');
    compileSysctls(spec, 'network', 'session', add);
  }
  compileStorage(spec, add);
  if (hasStorage) {
    // Out again: when the container reaches its memory limit it dies as a whole, and the session must tell of it.
    add('session', 'cgroup', 'cgroup-write', { argument: 'monitor' }, 'cgroup.procs', '0');
  }
  add('session', 'image', 'root', merged);
  compileSysfs(spec, 'session', add);
  const { uid, gid } = spec.ids;
  add('session', 'namespaces', 'container', mapText(childMapping(uid)), mapText(childMapping(gid)));
}

function compileProtection(spec: ContainerSpec, add: Add): void {
  for (const path of READONLY_PATHS) add('container', 'read-only paths', 'readonly', path);
  for (const path of MASKED_PATHS) add('container', 'masked paths', 'mask', path);
  if (spec.process.terminal) {
    add('container', '--tty', 'terminal', spec.process.user.uid);
    add('container', '--tty', 'console');
  }
  if (spec.root.readOnly) add('container', '--read-only', 'readonly', '/');
  add('container', 'pivot_root', 'pivot', spec.process.user.uid);
}

/** The plan of one container; `books` tell where its records are. */
export function compilePlan(spec: ContainerSpec, books: Books): LaunchPlan {
  const plan: PlannedOp[] = [];
  const add: Add = (stage, origin, ...op) => plan.push({ stage, op, origin });
  compileCreation(spec, books, add);
  compileHold(books, add);
  compileHost(spec, add);
  compileSession(spec, add);
  if (spec.controllers.length > 0) {
    add('container', 'cgroup', 'cgroup-write', { argument: 'payload' }, 'cgroup.procs', '0');
  }
  add('container', 'namespaces', 'namespace', 'cgroup');
  add('container', '--hostname', 'hostname', { argument: 'hostname' });
  compileFileSystems(spec, add);
  if (spec.networkOwner === 'container') compileSysctls(spec, 'network', 'container', add);
  compileSysctls(spec, 'ipc', 'container', add);
  compileVolumes(spec, add);
  compileProtection(spec, add);
  compileProcess(spec, add);
  compileStart(spec, books, add);
  add('cleanup', 'storage', 'unmount', merged);
  compileEnd(spec, books, add);
  return plan;
}
