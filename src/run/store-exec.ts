/** The plan of a command in a container, kept for the next one in the same container (native/exec-options.h). */
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { installed } from '../sys/install.js';
import type { ExecSpec } from './compile-exec.js';
import type { PreparedExec } from './exec-container.js';
import { type Container, containerDirectory } from './records.js';
import { storePlan } from './stored-plans.js';

const PROGRAMS = ['iso-run.js', 'iso-front', 'iso-launch', 'iso-session', 'iso-keeper'];

interface Made {
  spec: ExecSpec;
  prepared: PreparedExec;
  /** When the compilation began, in milliseconds. */
  since: number;
}

/**
 * What a container is called and where it runs is in its files, so an entry holds until it ends or has another name; and
 * while it is not paused.
 */
export function storeExec(key: string, { uid, store }: OwnIdentity, { record }: Container, made: Made): void {
  const { plan, constants, session } = made.prepared;
  const own = ['container.json', 'state.json', 'launch'].map((file) =>
    join(containerDirectory(store, record.id), file),
  );
  const { cgroup } = made.spec;
  const sources = {
    // Not the files of subordinate ids: the container's were mapped when it was made.
    files: [...own, `/run/user/${uid}/systemd/private`, ...PROGRAMS.map(installed)],
    texts: [
      '/proc/sys/kernel/random/boot_id',
      '/proc/self/attr/current',
      ...(cgroup === undefined ? [] : [`${cgroup}/cgroup.freeze`]),
    ],
    hidden: [],
  };
  const room = { refuse: 0, home: '/', tree: '/' };
  storePlan(key, { plan, sources, room, warnings: [], constants, session }, made.since);
}
