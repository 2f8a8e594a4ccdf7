/** Subordinate ranges of all users of a call: one lock, one write, one reading back. */
import { ownerText, rangesByOwner } from '../facts/subids.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { isTodo, type Job, noteDone, noteFailure, noteReadBack } from './job.js';
import type { Item, Plan, StepArgs } from './step.js';
import { type AllocationFacts, addRanges, readSubidFile } from './subid-files.js';

interface Waiting<K extends 'subids.add' | 'subids.verify'> {
  plan: Plan;
  item: Item;
  args: StepArgs[K];
}

function waitingFor<K extends 'subids.add' | 'subids.verify'>(jobs: readonly Job[], kind: K): Waiting<K>[] {
  return jobs.flatMap(({ plan }) =>
    plan.items.flatMap((item) =>
      isTodo(item) && item.step.kind === kind ? [{ plan, item, args: item.step.args as StepArgs[K] }] : [],
    ),
  );
}

async function add(waiting: readonly Waiting<'subids.add'>[], root: string, facts: AllocationFacts): Promise<void> {
  const users = new Map(waiting.map(({ args }) => [args.owner, { name: args.owner, uid: args.uid }]));
  const added = await addRanges(root, [...users.values()], facts);
  for (const { item, args } of waiting) {
    const line = added.get(args.owner)?.[args.id];
    noteDone(item, line === item.desired ? item.reason : 'another program changed the file meanwhile');
    if (line !== undefined) item.desired = line;
  }
}

function verify(waiting: readonly Waiting<'subids.verify'>[], root: string): void {
  const byOwner = { uid: rangesByOwner(readSubidFile(root, 'uid')), gid: rangesByOwner(readSubidFile(root, 'gid')) };
  for (const { plan, item, args } of waiting) {
    const ranges = [ownerText(args.owner), String(args.uid)].flatMap((owner) => byOwner[args.id].get(owner) ?? []);
    const found = ranges.find((range) => range.count >= args.count);
    if (found) {
      item.desired = `${args.owner}:${found.start}:${found.count}`;
      noteReadBack(item);
      continue;
    }
    const what = `cannot find the new range of ${args.owner} in /etc/sub${args.id}`;
    noteFailure(plan, item, new IsoError('step.failed', what, 'another program removed it'));
  }
}

/** Carries out every step on the ranges. What another program took meanwhile is replaced by what is free then. */
export async function applyRanges(jobs: readonly Job[], root: string, facts: AllocationFacts): Promise<void> {
  const adding = waitingFor(jobs, 'subids.add');
  if (adding.length === 0) return;
  try {
    await add(adding, root, facts);
    verify(waitingFor(jobs, 'subids.verify'), root);
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    for (const { plan, item } of adding) if (item.state === 'todo') noteFailure(plan, item, error);
  }
}
