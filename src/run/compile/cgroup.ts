/** The container's cgroup and what is written into it. Pure. */
import type { Add } from '../compile-records.js';
import { limitFiles } from '../limits.js';
import type { ContainerSpec } from '../spec.js';

/** Limits sit on the container's cgroup, above the two leaves: what runs inside never owns its own limit files. */
export function compileCgroup(spec: ContainerSpec, add: Add): void {
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
