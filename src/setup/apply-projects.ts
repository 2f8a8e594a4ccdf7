/** Quota projects of all users of a call: recorded with one lock and one write. */
import { asIsoError, IsoError } from '../lib/errors.js';
import { isTodo, type Job, noteDone, noteFailure } from './job.js';
import { addProjects } from './project-files.js';
import type { StepArgs } from './step.js';

/** Carries out every `project.record`; one that somebody else has claimed meanwhile ends its user's plan. */
export async function applyProjects(jobs: readonly Job[], root: string): Promise<void> {
  const waiting = jobs.flatMap(({ plan }) =>
    plan.items.flatMap((item) =>
      isTodo(item) && item.step.kind === 'project.record'
        ? [{ plan, item, args: item.step.args as StepArgs['project.record'] }]
        : [],
    ),
  );
  if (waiting.length === 0) return;
  try {
    const recordings = waiting.map(({ args: { owner, id } }) => ({ owner, id }));
    const refused = await addProjects(root, recordings);
    for (const { plan, item, args } of waiting) {
      const why = refused.get(args.owner.name);
      const what = `cannot record the quota project of ${args.owner.name}`;
      if (why === undefined) noteDone(item);
      else noteFailure(plan, item, new IsoError('step.failed', what, why, { hint: 'run iso-setup again' }));
    }
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    for (const { plan, item } of waiting) if (item.state === 'todo') noteFailure(plan, item, error);
  }
}
