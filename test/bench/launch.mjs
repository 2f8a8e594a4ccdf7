// How long a command takes from a shell's view: a container of `true`, of a shape that was run before and started cold, against
// the runtimes of the field;
// and the time to print a version or help, against Node doing nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A root file system of static BusyBox for the peers, the same program that our base image holds. */
function makeBundle({ home, as }) {
  const rootfs = join(home, 'bundle/rootfs');
  as(['sh', '-c', `mkdir -p ${rootfs}/bin ${rootfs}/proc ${rootfs}/sys ${rootfs}/dev ${rootfs}/tmp ${rootfs}/etc`]);
  as(['sh', '-c', `cp "$(command -v busybox)" ${rootfs}/bin/busybox && ln -sf busybox ${rootfs}/bin/true`]);
  return rootfs;
}

const rangeOf = (file, user) => {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user.name}:`) || entry.startsWith(`${user.uid}:`));
  const [, start, count] = line.split(':').map(Number);
  return { start, count };
};

/** An OCI bundle like our default container: all namespaces, the whole id mapping, no network. */
function makeConfig(context) {
  const { home, user, as } = context;
  const bundle = join(home, 'bundle');
  as(['sh', '-c', `cd ${bundle} && runc spec --rootless`]);
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  const mapping = (own, { start, count }) => [
    { containerID: 0, hostID: own, size: 1 },
    { containerID: 1, hostID: start, size: count },
  ];
  config.process.terminal = false;
  config.process.args = ['true'];
  config.root.readonly = false;
  config.linux.uidMappings = mapping(user.uid, rangeOf('/etc/subuid', user));
  config.linux.gidMappings = mapping(user.gid, rangeOf('/etc/subgid', user));
  config.linux.namespaces = ['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup'].map((type) => ({ type }));
  delete config.linux.resources;
  writeFileSync(file, JSON.stringify(config));
  return bundle;
}

/** Commands by name, and the figures that compare them. */
export function launch(context) {
  context.provision();
  const rootfs = makeBundle(context);
  const bundle = makeConfig(context);
  context.as(['sh', '-c', `mkdir -p ${context.home}/crun ${context.home}/runc`]);
  context.as([context.program('iso-run'), 'image', 'bootstrap', 'base']);
  const isolation = ['--unshare-all', '--uid', '0', '--gid', '0', '--die-with-parent'];
  const run = [context.program('iso-run'), 'run', '--rm'];
  const commands = {
    'iso-run, overlay': [...run, '--storage-driver', 'overlay', 'base', 'true'],
    'iso-run, fuse-overlayfs': [...run, '--storage-driver', 'fuse-overlayfs', 'base', 'true'],
    // Node reads, compiles and launches: nothing of it is kept for the next.
    'iso-run, cold': [...run, '--direct', 'base', 'true'],
    bubblewrap: ['bwrap', ...isolation, '--bind', rootfs, '/', '--proc', '/proc', '--dev', '/dev', '--', '/bin/true'],
    crun: ['crun', '--root', `${context.home}/crun`, '--cgroup-manager=disabled', 'run', '-b', bundle, 'bench'],
    runc: ['runc', '--root', `${context.home}/runc`, 'run', '-b', bundle, 'bench'],
    'node -e 0': ['/usr/bin/node', '-e', '0'],
  };
  return {
    commands,
    figures: [
      { name: 'launch', of: 'iso-run, overlay', peer: 'bubblewrap', goal: 1.1 },
      { name: 'launch', of: 'iso-run, overlay', peer: 'crun', goal: 0.42 },
      { name: 'launch', of: 'iso-run, overlay', peer: 'runc' },
      { name: 'launch', of: 'iso-run, fuse-overlayfs', peer: 'bubblewrap', goal: 1.8 },
      { name: 'launch', of: 'iso-run, cold', peer: 'node -e 0', goal: 2.5 },
    ],
  };
}

export function startup(context) {
  return {
    commands: {
      'iso-setup --version': [context.program('iso-setup'), '--version'],
      'iso-audit --help': [context.program('iso-audit'), '--help'],
      'node -e 0': ['/usr/bin/node', '-e', '0'],
    },
    figures: [
      { name: 'start', of: 'iso-setup --version', peer: 'node -e 0', goal: 1.6 },
      { name: 'start', of: 'iso-audit --help', peer: 'node -e 0', goal: 1.6 },
    ],
  };
}
