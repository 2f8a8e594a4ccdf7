/** Carries plans out, in order, and notes on each item what became of it. The first failure of a subject ends that subject. */
import { asIsoError, IsoError } from '../lib/errors.js';
import { actInHome } from '../sys/home.js';
import { applyRanges } from './apply-ranges.js';
import { type HomeStep, homeFailure, homeOps, hostExecutors, OPTIONAL, type RangeStepKind } from './executors.js';
import { isTodo, type Job, noteDone, noteFailure, noteReadBack } from './job.js';
import type { HomeStepArgs, Item, Step, StepKind } from './step.js';
import type { AllocationFacts } from './subid-files.js';

type HostStep = Exclude<Step, HomeStep | { kind: RangeStepKind }>;

const isHomeStep = (step: Step): step is HomeStep => step.kind.startsWith('home.');

// One generic call per kind, so that arguments and executor are known to belong together.
function execute<K extends HostStep['kind']>(step: { kind: K; args: Parameters<(typeof hostExecutors)[K]>[0] }) {
  return (hostExecutors[step.kind] as (args: unknown) => Promise<void> | void)(step.args);
}

function homeOp<K extends keyof HomeStepArgs>(step: { kind: K; args: HomeStepArgs[K] }) {
  return homeOps[step.kind](step.args);
}

async function applyHomeRun(job: Job, run: readonly (Item & { step: HomeStep })[]): Promise<boolean> {
  const { plan, user } = job;
  if (!user) throw new Error('a step in a home without its user');
  const outcomes = await actInHome(
    user,
    run.map(({ step }) => homeOp(step as never)),
  );
  for (const [index, item] of run.entries()) {
    const outcome = outcomes[index];
    if (item.step.kind === 'home.rmdir' && outcome?.error === 'ENOTEMPTY') {
      item.state = 'drift';
      item.reason = 'it holds files that iso-setup did not write; kept';
      continue;
    }
    const error = outcome && homeFailure(item.step, outcome, user);
    if (error) {
      noteFailure(plan, item, error);
      return false;
    }
    if (item.step.kind === 'home.verify') noteReadBack(item);
    else noteDone(item);
  }
  return true;
}

async function applyHostStep(job: Job, item: Item & { step: HostStep }): Promise<boolean> {
  try {
    await execute(item.step as never);
    noteDone(item);
    return true;
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    if (OPTIONAL.has(item.step.kind as StepKind)) {
      item.state = 'unavailable';
      item.reason = `refused: ${error.why}`;
      return true;
    }
    noteFailure(job.plan, item, error);
    return false;
  }
}

/** The longest run of steps in the home that starts here: one start of iso-home does them all. */
function takeHomeRun(items: readonly Item[], from: number): (Item & { step: HomeStep })[] {
  const run: (Item & { step: HomeStep })[] = [];
  for (const item of items.slice(from)) {
    if (!isTodo(item)) continue;
    if (!isHomeStep(item.step)) break;
    run.push(item as Item & { step: HomeStep });
  }
  return run;
}

async function applyPlan(job: Job): Promise<void> {
  const { items } = job.plan;
  for (const [index, item] of items.entries()) {
    if (!isTodo(item)) continue;
    let ok: boolean;
    try {
      ok = isHomeStep(item.step)
        ? await applyHomeRun(job, takeHomeRun(items, index))
        : await applyHostStep(job, item as Item & { step: HostStep });
    } catch (thrown) {
      if (!(thrown instanceof IsoError)) throw thrown;
      noteFailure(job.plan, item, thrown);
      return;
    }
    if (!ok) return;
  }
}

/** Applies all jobs; results are on the items and plans. A user who fails does not keep others from being set up. */
export async function applyJobs(jobs: readonly Job[], root: string, facts: AllocationFacts | undefined): Promise<void> {
  if (facts) await applyRanges(jobs, root, facts);
  for (const job of jobs) await applyPlan(job);
}
