/** File systems, devices and volumes of the container, in the order in which they cover each other. Pure. */
import type { Text } from '../../sys/launcher/ops.js';
import type { Add } from '../compile-records.js';
import { DEVICE_LINKS, DEVICES } from '../default-mounts.js';
import type { ContainerSpec } from '../spec.js';
import type { BoundVolume } from '../volumes.js';
import { compileNetwork, compileSysfs } from './network.js';

export const merged = { argument: 'merged' } as const;

/** The context of what the container alone has: the payload may use nothing else. */
export const fileLabel = ({ labelled }: ContainerSpec): Text => (labelled ? { argument: 'file-label' } : '');

/** On the container's own /dev: an image can put nothing in its place, and nothing is left in the root. */
export const INIT_PATH = '/dev/init';

/** Ids of the tty group in Debian's base-passwd; images without it lose nothing. */
const TTY_GROUP = 5;

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
  for (const { source, target, major, minor, origin } of spec.devices) {
    add('container', origin, 'device', source, target, major, minor);
  }
  for (const [target, path] of DEVICE_LINKS) add('container', '/dev', 'symlink', target, path);
  mount('devpts', '/dev/pts', 'nosuid,noexec', `newinstance,ptmxmode=0666,mode=0620,gid=${TTY_GROUP}`);
  mount('tmpfs', '/dev/shm', 'nosuid,nodev,noexec', `mode=1777,size=${spec.shmSize}`);
  mount('mqueue', '/dev/mqueue', 'nosuid,nodev,noexec', '');
  if (spec.labelled) add('container', 'SELinux', 'label-file', '/dev/mqueue', { argument: 'file-label' });
  if (spec.process.terminal) add('container', '--tty', 'touch', '/dev/console', 0o600);
}

/** Files that are made for the container, and the host's init program. */
function compileFiles({ resolver, process }: ContainerSpec, add: Add): void {
  const files = [
    [{ argument: 'hosts' }, '/etc/hosts', 'nosuid,nodev,noexec'],
    [{ argument: 'hostname-file' }, '/etc/hostname', 'nosuid,nodev,noexec'],
    ...(resolver ? [[{ argument: 'resolver-file' }, '/etc/resolv.conf', 'nosuid,nodev,noexec'] as const] : []),
    ...(process.init === undefined ? [] : [[process.init, INIT_PATH, 'ro,nosuid,nodev'] as const]),
  ] as const;
  for (const [source, path, attributes] of files) {
    add('container', path, 'touch', path, 0o644);
    add('container', path, 'bind', source, path, attributes, 'file', '');
  }
}

/** Directories of the host's own /etc, which everybody may read. */
function compilePackageConfig({ packageConfig }: ContainerSpec, add: Add): void {
  for (const path of packageConfig) {
    add('container', '--package-config', 'mkdir', path, 0o755);
    add('container', '--package-config', 'bind', path, path, 'ro,nosuid,nodev,noexec', 'directory', '');
  }
}

function compileWritable(spec: ContainerSpec, add: Add): void {
  for (const path of ['/tmp', '/run', '/var/tmp']) {
    const mode = path === '/run' ? 'mode=0755' : 'mode=1777';
    add('container', '--read-only', 'mkdir', path, 0o755);
    add('container', '--read-only', 'mount', 'tmpfs', path, 'nosuid,nodev', mode, fileLabel(spec));
  }
}

export function compileFileSystems(spec: ContainerSpec, add: Add): void {
  add('container', 'mount namespace', 'propagation', 'private');
  add('container', 'image', 'root', merged);
  compileNetwork(spec, 'container', add);
  compileSysfs(spec, 'container', add);
  add('container', '/proc', 'mkdir', '/proc', 0o555);
  add('container', '/proc', 'mount', 'proc', '/proc', 'nosuid,nodev,noexec', '', '');
  // Here, before parts of /proc are covered; it stands until the payload is executed.
  if (spec.labelled) add('container', 'SELinux', 'label', { argument: 'process-label' });
  const { oomScore } = spec.process;
  if (oomScore !== undefined) add('container', '--oom-score-adj', 'oom-score', String(oomScore));
  // Beside the filter: new user namespaces are the widest way to the kernel's rarely used code (CVE-2022-0185).
  add('container', 'no further user namespaces', 'sysctl', 'user/max_user_namespaces', '0');
  if (spec.cgroupMount !== undefined) {
    add('container', '/sys/fs/cgroup', 'mount', 'cgroup2', '/sys/fs/cgroup', 'ro,nosuid,nodev,noexec', '', '');
  }
  compileDev(spec, add);
  compileFiles(spec, add);
  compilePackageConfig(spec, add);
  if (spec.root.readOnly && spec.root.tmpfs) compileWritable(spec, add);
}

function compileVolume({ index, destination, kind, origin, masks, named, ...volume }: BoundVolume, add: Add): void {
  const attributes = [volume.readOnly ? ['ro'] : [], 'nosuid', 'nodev', volume.noExec ? ['noexec'] : []]
    .flat()
    .join(',');
  const [source, identity] = [{ argument: `volume.${index}` } as const, { argument: `volume-id.${index}` } as const];
  if (kind === 'directory') add('container', origin, 'mkdir', destination, 0o755);
  else add('container', origin, 'touch', destination, 0o644);
  if (named?.adopts) add('container', origin, 'adopt', source, destination);
  add('container', origin, 'bind', source, destination, attributes, kind, identity);
  for (const path of masks) add('container', `${origin}: what no container may see`, 'mask', path);
}

const depth = ({ destination }: { destination: string }) => destination.split('/').length;

/** Outer destinations first, whatever the order of the options: a later outer one would cover an inner one. */
export function compileVolumes(spec: ContainerSpec, add: Add): void {
  for (const mount of [...spec.volumes, ...spec.tmpfs].sort((a, b) => depth(a) - depth(b))) {
    if ('source' in mount) {
      compileVolume(mount, add);
      continue;
    }
    const { destination, attributes, settings, origin } = mount;
    add('container', origin, 'mkdir', destination, 0o755);
    add('container', origin, 'mount', 'tmpfs', destination, attributes, settings, fileLabel(spec));
  }
}
