/** `iso-setup quota --sample`, which the timer runs: a look at all quotas, and an event for each threshold that was passed. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Policy } from '../policy/policy.js';
import { readPolicy } from '../policy/read-policy.js';
import { makeDirectory, readPlainFile, replaceFile } from '../sys/atomic-file.js';
import { extendGrace } from '../sys/quota.js';
import { type NewEvent, recordEvent } from '../trail/record-event.js';
import { findCrossing, formatLevels, parseLevels, percentUsed, type QuotaLevels } from './plan-sample.js';
import type { QuotaTarget } from './plan-set-quota.js';
import { crossingEvent } from './quota-events.js';
import { readRecordedUsers } from './quota-targets.js';
import { STATE_DIR } from './state.js';

const LEVELS_FILE = `/${STATE_DIR}/quota-levels.json`;
/** Well above the time between two looks. */
const GRACE_SECONDS = 7 * 24 * 3600;

export interface Sample {
  /** What was told to the trail. */
  events: NewEvent[];
  /** Users whose quota could be read. */
  users: number;
  /** The others, each with the reason. */
  unread: { name: string; why: string }[];
  /** False when an event could not be stored: it is told again by the next sample. */
  stored: boolean;
}

/**
 * The kernel takes a soft limit for a hard one when it was passed for a week, and then the reserve for cleaning up would be
 * closed to just those who need it.
 */
function keepReserveOpen({ home, project, quota }: QuotaTarget, now: number): void {
  const isOver = (used: number, soft: number) => soft > 0 && used > soft;
  if (!isOver(quota.usedBytes, quota.softBytes) && !isOver(quota.usedInodes, quota.softInodes)) return;
  const fd = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    extendGrace(fd, project, now + GRACE_SECONDS);
  } finally {
    closeSync(fd);
  }
}

function tell(target: QuotaTarget, policy: Policy['quota'], levels: QuotaLevels, sample: Sample): void {
  const { name, uid, quota } = target;
  const before = levels[String(uid)];
  const last = before?.name === name ? before.level : 0;
  const crossing = findCrossing(percentUsed(quota), policy.thresholds, last);
  if (!crossing) return;
  const event = crossingEvent(name, quota, crossing, policy.thresholds);
  sample.events.push(event);
  if (!recordEvent(event)) sample.stored = false;
  else if (crossing.level === 0) delete levels[String(uid)];
  else levels[String(uid)] = { name, level: crossing.level };
}

/** @throws IsoError permission.denied, policy.invalid; system errors */
export async function sampleQuotas(now: number): Promise<Sample> {
  const policy = await readPolicy();
  const levels = parseLevels(readPlainFile(LEVELS_FILE)?.text);
  const before = formatLevels(levels);
  const sample: Sample = { events: [], users: 0, unread: [], stored: true };
  for (const user of await readRecordedUsers()) {
    if (!user.target) {
      sample.unread.push({ name: user.name, why: user.why });
      continue;
    }
    sample.users += 1;
    tell(user.target, policy.quota, levels, sample);
    keepReserveOpen(user.target, now);
  }
  const after = formatLevels(levels);
  if (after !== before) {
    makeDirectory(join('/', STATE_DIR), 0o700);
    replaceFile(LEVELS_FILE, after, { mode: 0o600, uid: 0, gid: 0 });
  }
  return sample;
}
