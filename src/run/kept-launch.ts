/**
 * The launch that a container was created with: its plan and values, as the launcher kept them (native/ops/records.c). The
 * file is the user's own and says nothing that this user may not do; but it may be damaged, or somebody else's.
 */
import { closeSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainerRecord, STORE } from '../facts/container-record.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { encodePlan, planDigest } from '../sys/launcher/encode.js';
import type { LaunchPlan, RunValues } from '../sys/launcher/ops.js';
import { openHome, openSafeFile } from '../sys/safe-file.js';
import { encodeTokens } from '../sys/wire.js';
import { type Reader, reader, readPlan } from './read-entry.js';
import { containerDirectory } from './records.js';

const MAX_BYTES = 8 * 2 ** 20;

export interface KeptLaunch {
  plan: LaunchPlan;
  values: RunValues;
  /** The same bytes with some values taken out and others put in; of another plan, if one is given. */
  request(without: (name: string) => boolean, values: RunValues, plan?: LaunchPlan): Buffer;
}

function readBytes({ home, uid }: OwnIdentity, record: ContainerRecord): Buffer {
  const refuse = (why: string) =>
    new IsoError('plan.invalid', `cannot tell what ${record.name} was created with`, why, {
      hint: 'remove it with `iso-run rm` and create it anew',
    });
  const opened = openHome(home, uid);
  if (!opened.ok) throw refuse(opened.why);
  try {
    const path = `${STORE}/containers/${record.id}/launch`;
    const file = openSafeFile(opened.fd, path, { owner: uid, crossMounts: true, maxBytes: MAX_BYTES });
    if (!file.ok) throw refuse(`${path}: ${file.why}`);
    try {
      if ((file.stat.mode & 0o077) !== 0) throw refuse(`${path}: others may use it`);
      return readFileSync(file.fd);
    } finally {
      closeSync(file.fd);
    }
  } finally {
    closeSync(opened.fd);
  }
}

/** Bytes of a value may be no UTF-8, so they are kept as they are. */
function readRawValues(from: Reader): (readonly [name: string, text: Buffer])[] {
  return from.list(() => [from.text(), from.raw()] as const);
}

function readOrigins(values: RunValues): string[] {
  try {
    const origins: unknown = JSON.parse(values.find(([name]) => name === 'origins')?.[1] ?? '[]');
    return Array.isArray(origins) ? origins.map(String) : [];
  } catch {
    return [];
  }
}

/** @throws IsoError plan.invalid */
export function readKeptLaunch(identity: OwnIdentity, record: ContainerRecord): KeptLaunch {
  const from = reader(readBytes(identity, record));
  const ops = readPlan(from);
  const planTokens = from.taken();
  const raw = readRawValues(from);
  const values = raw.map(([name, text]) => [name, text.toString('utf8')] as const);
  const origins = readOrigins(values);
  return {
    plan: ops.map((op, index) => ({ ...op, origin: origins[index] ?? '' })),
    values,
    request(without, more, plan) {
      const kept = raw.filter(([name]) => !without(name));
      const given = encodeTokens([kept.length + more.length, ...kept.flat(), ...more.flat()]);
      return Buffer.concat([plan ? encodePlan(plan) : encodeTokens(planTokens), given]);
    },
  };
}

/** Another plan for the launches to come, with its digest. */
export function keepPlan(store: string, id: string, { values, request }: KeptLaunch, plan: LaunchPlan): void {
  const hasOrigins = values.some(([name]) => name === 'origins');
  const origins = JSON.stringify(plan.map(({ origin }) => origin));
  const isReplaced = (name: string) => name === 'origins' || name === 'plan';
  const more = [...(hasOrigins ? [['origins', origins] as const] : []), ['plan', planDigest(plan)] as const];
  const file = join(containerDirectory(store, id), 'launch');
  writeFileSync(`${file}.new`, request(isReplaced, more, plan), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
