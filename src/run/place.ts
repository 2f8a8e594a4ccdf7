/** Where a user's containers are launched: the directory of the session, and the cgroup of a launch without one. */
import { type RunHostFacts, sessionDirectory } from '../facts/run-host.js';

export interface Place {
  /** The directory of the user's session: its socket, and plans. */
  session: string;
  runtimeDir?: string;
  /** Directory of the scope's cgroup, given the scope's name; undefined without delegation. */
  scopeParent?: string;
}

/** `limited`: the container has a cgroup of its own. */
export function placeOf({ runtimeDir, cgroup }: RunHostFacts, home: string, limited: boolean): Place {
  const { mount, manager } = cgroup;
  return {
    session: sessionDirectory(home, runtimeDir),
    ...(runtimeDir === undefined ? {} : { runtimeDir }),
    ...(limited && mount !== undefined ? { scopeParent: `${mount}${manager}/iso.slice` } : {}),
  };
}
