/** A plan on its way through apply, and the notes that are made on its items. */
import type { IdRange } from '../facts/subids.js';
import type { IsoError } from '../lib/errors.js';
import type { HomeUser } from '../sys/home.js';
import type { IdKind } from './plan-subids.js';
import type { Item, Plan, Step } from './step.js';

/** Ranges that a user was given in this run. */
export type Granted = Partial<Record<IdKind, IdRange>>;

/** A plan with what its steps need beside their arguments. */
export interface Job {
  plan: Plan;
  /** Undefined for the host's own plan. */
  user: HomeUser | undefined;
  /** The file system of the home, by which homes are synced together. */
  device?: number;
  granted?: Granted | undefined;
}

export const isTodo = (item: Item): item is Item & { step: Step } => item.state === 'todo' && item.step !== undefined;

export function noteDone(item: Item, reason = item.reason): void {
  item.state = 'done';
  item.reason = reason;
}

/** What was read back is what was asked for. */
export function noteReadBack(item: Item): void {
  item.current = item.desired;
  noteDone(item, `read back: ${item.desired}`);
}

/** The first failure ends the plan: what comes after it is not started. */
export function noteFailure(plan: Plan, item: Item, error: IsoError): void {
  item.state = 'failed';
  item.reason = error.why;
  plan.error = error.toJSON();
  for (const later of plan.items) {
    if (later.state !== 'todo') continue;
    later.state = 'not started';
    later.reason = 'an earlier step failed';
  }
}
