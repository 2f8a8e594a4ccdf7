/** A specification to the launch plan: the ops in the order in which the launcher carries them out. Pure. */
import { childMapping, mapText } from '../lib/id-mapping.js';
import type { LaunchPlan, PlannedOp, Text } from '../sys/launcher/ops.js';
import { capabilityMask } from './capabilities.js';
import { type Add, type Books, compileCreation, compileEnd, compileStart } from './compile-records.js';
import { DEVICE_LINKS, DEVICES, MASKED_PATHS, READONLY_PATHS } from './default-mounts.js';
import { limitFiles } from './limits.js';
import { type ContainerSpec, DEFAULT_PATH } from './spec.js';

const merged = { argument: 'merged' } as const;

/** The context of what the container alone has: the payload may use nothing else. */
const fileLabel = ({ labelled }: ContainerSpec): Text => (labelled ? { argument: 'file-label' } : '');

const SECCOMP_FILTER_FLAG_LOG = 2;
/** Ids of the tty group in Debian's base-passwd; images without it lose nothing. */
const TTY_GROUP = 5;

/** Limits sit on the container's cgroup, above the two leaves: what runs inside never owns its own limit files. */
function compileCgroup(spec: ContainerSpec, add: Add): void {
  if (spec.controllers.length === 0) return;
  const origin = 'cgroup';
  add('host', origin, 'cgroup-make', { argument: 'scope' });
  add('host', origin, 'cgroup-make', { argument: 'monitor' });
  add('host', origin, 'cgroup-write', { argument: 'monitor' }, 'cgroup.procs', '0');
  const enable = spec.controllers.map((name) => `+${name}`).join(' ');
  add('host', origin, 'cgroup-write', { argument: 'scope' }, 'cgroup.subtree_control', enable);
  add('host', origin, 'cgroup-make', { argument: 'cgroup' });
  for (const [file, value, option] of limitFiles(spec.limits)) {
    add('host', option, 'cgroup-write', { argument: 'cgroup' }, file, value);
  }
  add('host', origin, 'cgroup-make', { argument: 'payload' });
  add('host', origin, 'cgroup-make', { argument: 'storage' });
}

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
    add('session', origin, 'fuse-overlayfs', '/usr/bin/fuse-overlayfs', lower, upper, work, merged, '');
  }
}

function compileSession(spec: ContainerSpec, add: Add): void {
  if (spec.controllers.length > 0) {
    add('session', 'cgroup', 'cgroup-write', { argument: 'storage' }, 'cgroup.procs', '0');
  }
  add('session', 'mount namespace', 'propagation', 'private');
  add('session', 'no network', 'namespace', 'network');
  add('session', 'no network', 'loopback');
  compileStorage(spec, add);
  if (spec.controllers.length > 0) {
    // Out again: when the container reaches its memory limit it dies as a whole, and the session must tell of it.
    add('session', 'cgroup', 'cgroup-write', { argument: 'monitor' }, 'cgroup.procs', '0');
  }
  add('session', 'image', 'root', merged);
  add('session', '/sys', 'mkdir', '/sys', 0o555);
  // Here, where the network namespace is owned by the session: a sysfs of the host would show the host's interfaces.
  add('session', '/sys', 'mount', 'sysfs', '/sys', 'ro,nosuid,nodev,noexec', '', '');
  const { uid, gid } = spec.ids;
  add('session', 'namespaces', 'container', mapText(childMapping(uid)), mapText(childMapping(gid)));
}

function compileDev(spec: ContainerSpec, add: Add): void {
  // A message queue's file system takes no context from a user.
  const mount = (type: string, target: string, attributes: string, data: string) => {
    const context = type === 'mqueue' ? '' : fileLabel(spec);
    add('container', target, 'mkdir', target, 0o755);
    add('container', target, 'mount', type, target, attributes, data, context);
  };
  mount('tmpfs', '/dev', 'nosuid,noexec', 'mode=0755,size=64k');
  for (const [name, major, minor] of DEVICES) {
    add('container', '/dev', 'device', `/dev/${name}`, `/dev/${name}`, major, minor);
  }
  for (const [target, path] of DEVICE_LINKS) add('container', '/dev', 'symlink', target, path);
  mount('devpts', '/dev/pts', 'nosuid,noexec', `newinstance,ptmxmode=0666,mode=0620,gid=${TTY_GROUP}`);
  mount('tmpfs', '/dev/shm', 'nosuid,nodev,noexec', 'mode=1777,size=64m');
  mount('mqueue', '/dev/mqueue', 'nosuid,nodev,noexec', '');
  if (spec.labelled) add('container', 'SELinux', 'label-file', '/dev/mqueue', { argument: 'file-label' });
  if (spec.process.terminal) add('container', '--tty', 'touch', '/dev/console', 0o600);
}

function compileFileSystems(spec: ContainerSpec, add: Add): void {
  add('container', 'mount namespace', 'propagation', 'private');
  add('container', 'image', 'root', merged);
  add('container', '/proc', 'mkdir', '/proc', 0o555);
  add('container', '/proc', 'mount', 'proc', '/proc', 'nosuid,nodev,noexec', '', '');
  // Here, before parts of /proc are covered; it stands until the payload is executed.
  if (spec.labelled) add('container', 'SELinux', 'label', { argument: 'process-label' });
  // Beside the filter: new user namespaces are the widest way to the kernel's rarely used code (CVE-2022-0185).
  add('container', 'no further user namespaces', 'sysctl', 'user/max_user_namespaces', '0');
  if (spec.cgroupMount !== undefined) {
    add('container', '/sys/fs/cgroup', 'mount', 'cgroup2', '/sys/fs/cgroup', 'ro,nosuid,nodev,noexec', '', '');
  }
  compileDev(spec, add);
  for (const [argument, path] of [
    ['hosts', '/etc/hosts'],
    ['hostname-file', '/etc/hostname'],
  ] as const) {
    add('container', path, 'touch', path, 0o644);
    add('container', path, 'bind', { argument }, path, 'nosuid,nodev,noexec', 'file', '');
  }
  if (spec.root.readOnly) {
    for (const path of ['/tmp', '/run', '/var/tmp']) {
      add('container', '--read-only', 'mkdir', path, 0o755);
      add(
        'container',
        '--read-only',
        'mount',
        'tmpfs',
        path,
        'nosuid,nodev',
        path === '/run' ? 'mode=0755' : 'mode=1777',
        fileLabel(spec),
      );
    }
  }
}

function compileVolumes(spec: ContainerSpec, add: Add): void {
  for (const { index, destination, readOnly, kind, origin, masks } of spec.volumes) {
    add(
      'container',
      origin,
      kind === 'directory' ? 'mkdir' : 'touch',
      destination,
      kind === 'directory' ? 0o755 : 0o644,
    );
    const attributes = readOnly ? 'ro,nosuid,nodev' : 'nosuid,nodev';
    const [source, identity] = [{ argument: `volume.${index}` } as const, { argument: `volume-id.${index}` } as const];
    add('container', origin, 'bind', source, destination, attributes, kind, identity);
    for (const path of masks) add('container', `${origin}: what no container may see`, 'mask', path);
  }
}

function compileProtection(spec: ContainerSpec, add: Add): void {
  for (const path of READONLY_PATHS) add('container', 'read-only paths', 'readonly', path);
  for (const path of MASKED_PATHS) add('container', 'masked paths', 'mask', path);
  if (spec.process.terminal) add('container', '--tty', 'terminal', spec.process.user.uid);
  if (spec.root.readOnly) add('container', '--read-only', 'readonly', '/');
  add('container', 'pivot_root', 'pivot', spec.process.user.uid);
}

/** The order is the kernel's: bounding set, groups, ids with kept capabilities, capability sets, no_new_privs, filter. */
function compileProcess(spec: ContainerSpec, add: Add): void {
  const { user, capabilities, cwd, args, command, env } = spec.process;
  const mask = capabilityMask(capabilities);
  add('container', 'capabilities', 'cap-bound', mask);
  add('container', '--user', 'groups', user.groups.join(','));
  add('container', '--user', 'ids', user.uid, user.gid);
  // As execve would have it: only root keeps capabilities; nothing is inheritable or ambient.
  const held = user.uid === 0 ? mask : 0n;
  add('container', 'capabilities', 'caps', held, held, 0n, 0n);
  add('container', '--workdir', 'chdir', cwd);
  add('container', 'no_new_privs', 'no-new-privs');
  add('container', 'seccomp profile', 'seccomp', SECCOMP_FILTER_FLAG_LOG, spec.seccomp.main);
  add('container', 'seccomp profile', 'seccomp', 0, spec.seccomp.quiet);
  for (const value of args) add('container', 'command', 'arg', value);
  if (command) add('container', 'command', 'args');
  for (const { name, assignment } of env) add('container', `--env ${name}`, 'env', assignment);
  add('container', 'command', 'exec', env.find(({ name }) => name === 'PATH')?.assignment ?? DEFAULT_PATH);
}

/** The plan of one container; `books` tell where its records are. */
export function compilePlan(spec: ContainerSpec, books: Books): LaunchPlan {
  const plan: PlannedOp[] = [];
  const add: Add = (stage, origin, ...op) => plan.push({ stage, op, origin });
  compileCreation(spec, books, add);
  compileHost(spec, add);
  compileSession(spec, add);
  if (spec.controllers.length > 0) {
    add('container', 'cgroup', 'cgroup-write', { argument: 'payload' }, 'cgroup.procs', '0');
  }
  add('container', 'namespaces', 'namespace', 'cgroup');
  add('container', '--hostname', 'hostname', { argument: 'hostname' });
  compileFileSystems(spec, add);
  compileVolumes(spec, add);
  compileProtection(spec, add);
  compileProcess(spec, add);
  compileStart(spec, books, add);
  add('cleanup', 'storage', 'unmount', merged);
  compileEnd(spec, books, add);
  return plan;
}
