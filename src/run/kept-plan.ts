/** What a container was launched with: the launcher keeps the request beside the container's records. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import type { PlannedOp, RunValues } from '../sys/launcher/ops.js';
import { readRequest } from './read-entry.js';
import { containerDirectory } from './records.js';

export interface KeptPlan {
  ops: Omit<PlannedOp, 'origin'>[];
  values: RunValues;
}

/** @throws IsoError plan.invalid when there is none, or it cannot be read */
export function readKeptPlan(store: string, id: string): KeptPlan {
  try {
    return readRequest(readFileSync(join(containerDirectory(store, id), 'launch')));
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw new IsoError('plan.invalid', "cannot read the container's plan", 'the container was made without one', {
      hint: 'start the container again with this version of iso-run',
    });
  }
}
