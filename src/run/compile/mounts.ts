/** File systems, devices and volumes of the container, in the order in which they cover each other. Pure. */
import type { Text } from '../../sys/launcher/ops.js';
import type { Add } from '../compile-records.js';
import { DEVICE_LINKS, DEVICES } from '../default-mounts.js';
import type { ContainerSpec } from '../spec.js';

export const merged = { argument: 'merged' } as const;

/** The context of what the container alone has: the payload may use nothing else. */
export const fileLabel = ({ labelled }: ContainerSpec): Text => (labelled ? { argument: 'file-label' } : '');

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
  for (const [target, path] of DEVICE_LINKS) add('container', '/dev', 'symlink', target, path);
  mount('devpts', '/dev/pts', 'nosuid,noexec', `newinstance,ptmxmode=0666,mode=0620,gid=${TTY_GROUP}`);
  mount('tmpfs', '/dev/shm', 'nosuid,nodev,noexec', 'mode=1777,size=64m');
  mount('mqueue', '/dev/mqueue', 'nosuid,nodev,noexec', '');
  if (spec.labelled) add('container', 'SELinux', 'label-file', '/dev/mqueue', { argument: 'file-label' });
  if (spec.process.terminal) add('container', '--tty', 'touch', '/dev/console', 0o600);
}

export function compileFileSystems(spec: ContainerSpec, add: Add): void {
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

export function compileVolumes(spec: ContainerSpec, add: Add): void {
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
