/** The container's network namespace, and what shows it. Made by the session, whose it is then, or by the container. Pure. */
import type { Stage } from '../../sys/launcher/ops.js';
import type { Add } from '../compile-records.js';
import type { Sysctl } from '../options/sysctls.js';
import type { ContainerSpec } from '../spec.js';

const ORIGIN = 'no network';

/** Those of the network by its owner, the others by the container's root, in its own /proc. */
export function compileSysctls({ sysctls }: ContainerSpec, of: Sysctl['owner'], stage: Stage, add: Add): void {
  for (const { path, value, owner } of sysctls) {
    if (owner === of) add(stage, `--sysctl ${path.replaceAll('/', '.')}`, 'sysctl', path, value);
  }
}

export function compileNetwork({ networkOwner }: ContainerSpec, stage: 'session' | 'container', add: Add): void {
  if (stage !== networkOwner) return;
  add(stage, ORIGIN, 'namespace', 'network');
  add(stage, ORIGIN, 'loopback');
}

/** By whoever owns the network namespace, and in it: a sysfs of the host would show the host's interfaces. */
export function compileSysfs({ networkOwner }: ContainerSpec, stage: 'session' | 'container', add: Add): void {
  if (stage !== networkOwner) return;
  add(stage, '/sys', 'mkdir', '/sys', 0o555);
  add(stage, '/sys', 'mount', 'sysfs', '/sys', 'ro,nosuid,nodev,noexec', '', '');
}
