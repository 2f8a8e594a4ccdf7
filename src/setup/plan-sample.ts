/** Thresholds of quotas: which one a user has passed, and what that means after the last look. Pure. */
import type { ProjectQuota } from '../sys/quota.js';

/** By decimal uid: the threshold that was told last. */
export type QuotaLevels = Record<string, { name: string; level: number }>;

export interface Crossing {
  /** The threshold that is passed now, 0 for none. */
  level: number;
  /** `up`: more is used than at the last look. */
  direction: 'up' | 'down';
}

/** A level is left this far below it, or a use that swings around it would be told again and again. */
const SLACK = 2;

/** Of the limit on space or on files, whichever is nearer; over 100 inside the reserve, 0 without a limit. */
export function percentUsed({ usedBytes, softBytes, usedInodes, softInodes }: ProjectQuota): number {
  const share = (used: number, limit: number) => (limit === 0 ? 0 : Math.floor((used / limit) * 100));
  return Math.max(share(usedBytes, softBytes), share(usedInodes, softInodes));
}

/** What is worth telling; undefined when the level is the one that was told last. */
export function findCrossing(percent: number, thresholds: readonly number[], last: number): Crossing | undefined {
  const passed = thresholds.filter((threshold) => threshold <= percent);
  const kept = thresholds.includes(last) && percent > last - SLACK ? [...passed, last] : passed;
  const level = Math.max(0, ...kept);
  if (level === last) return undefined;
  return { level, direction: level > last ? 'up' : 'down' };
}

/** The higher of the thresholds that are left, the graver. */
export function severityOf(level: number, thresholds: readonly number[]): 'notice' | 'warning' | 'error' {
  const above = thresholds.filter((threshold) => threshold > level).length;
  return above === 0 ? 'error' : above === 1 ? 'warning' : 'notice';
}

/** A damaged file reads as empty: then what is passed is told once more. */
export function parseLevels(text: string | undefined): QuotaLevels {
  try {
    const { schema, levels } = JSON.parse(text ?? '{}') as Record<string, unknown>;
    if (schema !== 1 || typeof levels !== 'object' || levels === null) return {};
    return Object.fromEntries(
      Object.entries(levels as QuotaLevels).filter(
        ([, value]) => typeof value?.name === 'string' && typeof value.level === 'number',
      ),
    );
  } catch {
    return {};
  }
}

export const formatLevels = (levels: QuotaLevels) => `${JSON.stringify({ schema: 1, levels }, null, 1)}\n`;
