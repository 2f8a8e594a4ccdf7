/** Pausing: the kernel freezes what runs in the payload's own leaf of the cgroup, and nothing that serves it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readContainerCgroup } from '../facts/container-cgroup.js';
import { readRunHost } from '../facts/run-host.js';
import { IsoError } from '../lib/errors.js';
import { recordLifecycle, requireRunning } from './end-container.js';
import type { Container } from './records.js';

const INTERVAL_MS = 20;
const LIMIT_MS = 10_000;

/** The cgroup of a container that runs. @throws IsoError container.state, controller.missing with the reason */
export function requireCgroup(container: Container, verb: string): string {
  const { pid } = requireRunning(container, verb);
  const cgroup = readContainerCgroup(pid, container.record.id);
  if (cgroup !== undefined) return cgroup;
  const why = readRunHost(process.getuid?.() ?? 0, 1).cgroup.reason ?? 'it was launched without a cgroup of its own';
  throw new IsoError('controller.missing', `cannot ${verb} ${container.record.name}`, why, {
    hint: 'start it again from a login through systemd (ssh or a console) on a host with cgroup v2',
  });
}

async function waitUntilFrozen(leaf: string, frozen: boolean): Promise<boolean> {
  for (let waited = 0; waited < LIMIT_MS; waited += INTERVAL_MS) {
    if (readFileSync(`${leaf}/cgroup.events`, 'utf8').includes(`frozen ${frozen ? 1 : 0}`)) return true;
    await sleep(INTERVAL_MS);
  }
  return false;
}

/** @throws IsoError container.state when it is so already, controller.missing where there is no cgroup */
export async function setPaused(container: Container, paused: boolean): Promise<void> {
  const verb = paused ? 'pause' : 'unpause';
  const leaf = `${requireCgroup(container, verb)}/payload`;
  if (container.paused === paused) {
    const why = paused ? 'it is paused already' : 'it is not paused';
    throw new IsoError('container.state', `cannot ${verb} ${container.record.name}`, why);
  }
  writeFileSync(`${leaf}/cgroup.freeze`, paused ? '1' : '0');
  if (!(await waitUntilFrozen(leaf, paused))) {
    const why = `its processes did not ${paused ? 'stop' : 'go on'} within ${LIMIT_MS / 1000} s`;
    throw new IsoError('container.state', `cannot ${verb} ${container.record.name}`, why);
  }
  recordLifecycle(container, `container.${verb}`, paused ? 'was paused' : 'goes on');
}
