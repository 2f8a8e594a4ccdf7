/** Other limits for a container: at once where it runs, and for its launches to come. */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
import { withStoreLock } from '../image/store-lock.js';
import { asIsoError, hasErrno, IsoError } from '../lib/errors.js';
import { planDigest } from '../sys/launcher/encode.js';
import { controllersOf, decideUpdate, type LimitOptions, limitsOf, withLimits } from './decide-update.js';
import { recordLifecycle } from './end-container.js';
import { keepPlan, readKeptLaunch } from './kept-launch.js';
import { type DeviceRate, type LimitFile, type Limits, recordLimits } from './limits.js';
import { requireCgroup } from './pause-container.js';
import { type Container, findContainer, listContainers, writeRecord } from './records.js';

/** What a file holds, in the words in which it is written. */
function readBack(path: string, file: string, value: string): string {
  const text = readFileSync(path, 'utf8').trim();
  if (file === 'io.weight') return text.replace(/^default /, '').split('\n')[0] ?? '';
  if (file !== 'io.max') return text;
  const [numbers = ''] = value.split(' ');
  const line = text.split('\n').find((one) => one.startsWith(`${numbers} `));
  return line ?? `${numbers} rbps=max wbps=max riops=max wiops=max`;
}

/** All of them or none. @throws IsoError write.failed */
export function writeLimits(cgroup: string, files: readonly LimitFile[], name: string): void {
  const done: [path: string, before: string][] = [];
  for (const [file, value, origin] of files) {
    const path = join(cgroup, file);
    try {
      const before = readBack(path, file, value);
      writeFileSync(path, value, { flag: 'r+' });
      done.push([path, before]);
    } catch (error) {
      for (const [changed, before] of done.reverse()) writeFileSync(changed, before, { flag: 'r+' });
      const gone = hasErrno(error, 'ENODEV') ? 'it has ended' : asIsoError(error).why;
      throw new IsoError('write.failed', `cannot apply ${origin} to ${name}`, `${file}: ${gone}`);
    }
  }
}

/** The container as it is now: it may have been changed while others held the store. */
function reread({ home, uid }: OwnIdentity, { record }: Container): Container {
  return findContainer(listContainers(home, uid), record.id);
}

const textOf = (limits: Limits) => JSON.stringify(recordLimits(limits));

function update(
  identity: OwnIdentity,
  container: Container,
  options: LimitOptions,
  rates: readonly DeviceRate[],
): void {
  const { record, running } = container;
  const cgroup = running ? requireCgroup(container, 'update') : undefined;
  const kept = readKeptLaunch(identity, record);
  const host = readRunHost(identity.uid, availableParallelism());
  const controllers = controllersOf(kept.plan);
  if (controllers === undefined) {
    const why = host.cgroup.reason ?? 'it was created without a cgroup of its own';
    throw new IsoError('controller.missing', `cannot update ${record.name}`, why, {
      hint: 'create it again from a login through systemd (ssh or a console) on a host with cgroup v2',
    });
  }
  const before = limitsOf(record, kept.plan);
  const { limits, files } = decideUpdate(options, before, { ...host.cgroup, controllers, cpus: host.cpus, rates });
  if (cgroup !== undefined) writeLimits(cgroup, files, record.name);
  const plan = withLimits(kept.plan, limits);
  keepPlan(identity.store, record.id, kept, plan);
  const updated = { ...record, plan: planDigest(plan), limits: recordLimits(limits) };
  writeRecord(identity.store, updated);
  const details = { before: textOf(before), limits: textOf(limits) };
  recordLifecycle({ ...container, record: updated }, 'container.update', 'has other limits', details);
}

/** @throws IsoError usage.invalid, controller.missing, write.failed */
export async function updateContainer(
  identity: OwnIdentity,
  container: Container,
  options: LimitOptions,
  rates: readonly DeviceRate[],
): Promise<void> {
  await withStoreLock(identity.store, () => update(identity, reread(identity, container), options, rates));
}
