/** Carries plans out, in order, and notes on each item what became of it. The first failure of a subject ends that subject. */
import { asIsoError, type ErrorRecord, IsoError } from '../lib/errors.js';
import type { Homes } from '../sys/home.js';
import { applyProjects } from './apply-projects.js';
import { checkpoint, toUnsynced } from './checkpoint.js';
import {
  type ApplyContext,
  type HomeStep,
  homeFailure,
  homeOps,
  hostExecutors,
  OPTIONAL,
  type SharedStepKind,
} from './executors.js';
import { isTodo, type Job, noteDone, noteFailure, noteReadBack } from './job.js';
import type { IntentRecord } from './journal.js';
import type { HomeStepArgs, Item, Step, StepKind, StepNote } from './step.js';

type RangeStep = Step<'subids.add' | 'subids.verify'>;
type HostStep = Exclude<Step, HomeStep | Step<SharedStepKind>>;

const isHomeStep = (step: Step): step is HomeStep => step.kind.startsWith('home.');
const isRangeStep = (step: Step): step is RangeStep => step.kind === 'subids.add' || step.kind === 'subids.verify';

// One generic call per kind, so that arguments and executor are known to belong together.
function execute<K extends HostStep['kind']>(
  step: { kind: K; args: Parameters<(typeof hostExecutors)[K]>[0] },
  context: ApplyContext,
) {
  return (hostExecutors[step.kind] as (args: unknown, context: ApplyContext) => Promise<void> | StepNote | void)(
    step.args,
    context,
  );
}

function homeOp<K extends keyof HomeStepArgs>(step: { kind: K; args: HomeStepArgs[K] }) {
  return homeOps[step.kind](step.args);
}

async function applyHomeRun(job: Job, run: readonly (Item & { step: HomeStep })[], homes: Homes): Promise<boolean> {
  const { plan, user } = job;
  if (!user) throw new Error('a step in a home without its user');
  const outcomes = await homes.act(
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

/** Ranges were written for all users before; the plan was made from the files read again. */
function applyRangeStep({ plan, granted }: Job, item: Item & { step: RangeStep }): boolean {
  const { id, owner } = item.step.args;
  if (!granted?.[id]) {
    const what = `cannot find the new range of ${owner} in /etc/sub${id}`;
    noteFailure(plan, item, new IsoError('step.failed', what, 'another program removed it'));
    return false;
  }
  if (item.step.kind === 'subids.verify') noteReadBack(item);
  else noteDone(item);
  return true;
}

async function applyHostStep(job: Job, item: Item & { step: HostStep }, context: ApplyContext): Promise<boolean> {
  try {
    const note = await execute(item.step as never, context);
    noteDone(item, note?.reason);
    if (note?.state) item.state = note.state;
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

/** The longest run of steps in the home that starts here: one process of iso-home does them all. */
function takeHomeRun(items: readonly Item[], from: number): (Item & { step: HomeStep })[] {
  const run: (Item & { step: HomeStep })[] = [];
  for (const item of items.slice(from)) {
    if (!isTodo(item)) continue;
    if (!isHomeStep(item.step)) break;
    run.push(item as Item & { step: HomeStep });
  }
  return run;
}

async function applyPlan(job: Job, context: ApplyContext): Promise<void> {
  const { items } = job.plan;
  for (const [index, item] of items.entries()) {
    if (!isTodo(item)) continue;
    let ok: boolean;
    try {
      ok = isHomeStep(item.step)
        ? await applyHomeRun(job, takeHomeRun(items, index), context.homes)
        : isRangeStep(item.step)
          ? applyRangeStep(job, item as Item & { step: RangeStep })
          : await applyHostStep(job, item as Item & { step: HostStep }, context);
    } catch (thrown) {
      if (!(thrown instanceof IsoError)) throw thrown;
      noteFailure(job.plan, item, thrown);
      return;
    }
    if (!ok) return;
  }
}

/** The object of a step as people know it: a path, a name, a range. */
function stepWords({ kind, args }: Step): string {
  const object = Object.values(args).find((value) => typeof value === 'string');
  return typeof object === 'string' && object.length <= 200 ? `${kind} ${object}` : kind;
}

function intentOf({ plan }: Job, { command, purge, deleted }: ApplyContext): IntentRecord {
  const steps = plan.items.flatMap((item) => (isTodo(item) ? [item.step] : []));
  const state = steps.find((step) => step.kind === 'state.write')?.args.state;
  return {
    kind: 'intent',
    command,
    subject: plan.subject,
    ...(plan.uid === undefined ? {} : { uid: plan.uid }),
    ...(purge === undefined ? {} : { purge }),
    ...(deleted === undefined ? {} : { deleted }),
    ...(state && 'uid' in state ? { state } : {}),
    steps: steps.map(stepWords),
  };
}

/** At most so many subjects are worked on at the same time. */
const PARALLEL = 32;

async function inParallel<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const rest = list.values();
  const worker = async () => {
    for (const one of rest) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, list.length) }, worker));
}

function failAll(jobs: readonly Job[], error: ErrorRecord): void {
  for (const { plan } of jobs) {
    const first = plan.items.find(isTodo);
    if (first) noteFailure(plan, first, new IsoError(error.code, error.what, error.why));
  }
}

/**
 * Applies all jobs; results are on the items and plans. A subject that fails does not keep others from being set up.
 * What is begun is in the journal before, and noted as done by a checkpoint, the last of which is the caller's.
 */
export async function applyJobs(jobs: readonly Job[], context: ApplyContext): Promise<void> {
  const { journal, unsynced } = context;
  const busy = jobs.filter(({ plan }) => !plan.error && plan.items.some(isTodo));
  if (busy.length === 0) return;
  try {
    journal.intend(busy.map((job) => intentOf(job, context)));
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (error.code === 'internal') throw thrown;
    failAll(busy, error.toJSON());
    return;
  }
  await applyProjects(busy, context.root);
  await inParallel(busy, (job) => applyPlan(job, context));
  unsynced.push(...busy.map(toUnsynced));
  await checkpoint(context, false);
}

/** The same to the end, when there are no others to come. @throws IsoError write.failed when it may not last */
export async function applyAll(
  jobs: readonly Job[],
  context: Omit<ApplyContext, 'unsynced' | 'losses'>,
): Promise<void> {
  const whole = { ...context, unsynced: [], losses: [] };
  await applyJobs(jobs, whole);
  await checkpoint(whole, true);
}
