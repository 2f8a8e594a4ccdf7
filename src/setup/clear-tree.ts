/** Carries out the removal of what a user could not remove: the files of subordinate ids in the container tree. */
import { IsoError } from '../lib/errors.js';
import { type TreeFindings, type TreeOwner, walkTree } from '../sys/tree.js';
import { describeLeft, plural } from './quota-words.js';
import type { StepNote } from './step.js';

function describeFailures({ failed, error, example }: TreeFindings): string[] {
  if (failed === 0) return [];
  return [`${plural(failed, 'entry', 'entries')} could not be removed (${error}), first ${example}`];
}

/** @throws IsoError step.failed when anything is left: its ids must not become somebody else's. */
export function clearTree(owner: TreeOwner): StepNote | undefined {
  const found = walkTree({ ...owner, mode: 'clear', project: 0 });
  const left = [...describeLeft(found), ...describeFailures(found)];
  if (left.length > 0) {
    throw new IsoError('step.failed', `cannot empty ${owner.home}/${owner.tree}`, left.join('; '), {
      hint: 'look at it as root, remove or unmount it, then run the command again: the ids stay reserved until then',
    });
  }
  if (found.changed === 0) return undefined;
  return { reason: plural(found.changed, 'entry of subordinate ids', 'entries of subordinate ids') };
}
