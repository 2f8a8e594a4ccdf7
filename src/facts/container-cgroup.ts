/** The cgroup of a container, by the kernel's word: where its limits and its use of resources stand. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { findCgroup2 } from './kernel.js';

/** Directory of the cgroup whose leaf `payload` the container runs in; undefined where none was made for it. */
export function readContainerCgroup(pid: number, id: string): string | undefined {
  const cgroup2 = findCgroup2();
  const path = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  const end = `/iso-${id.slice(0, 12)}.scope/container/payload`;
  if (!cgroup2 || path === undefined || !path.endsWith(end) || path.split('/').includes('..')) return undefined;
  return `${cgroup2.root}${path.slice(0, -'/payload'.length)}`;
}

/** True while the container is paused: the leaf that it runs in is frozen. */
export function isPaused(pid: number, id: string): boolean {
  try {
    const cgroup = readContainerCgroup(pid, id);
    return cgroup !== undefined && readFileSync(`${cgroup}/payload/cgroup.freeze`, 'utf8').trim() === '1';
  } catch (error) {
    // It ended meanwhile.
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'ENODEV')) return false;
    throw error;
  }
}
