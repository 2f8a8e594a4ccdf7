/** Plans as people and programs read them. Pure. */
import { escapeControl } from '../lib/text.js';
import { type Item, type ItemState, PHASES, type Plan } from './step.js';

const MARKS: Record<ItemState, string> = {
  todo: 'todo',
  done: 'done',
  unchanged: 'ok',
  drift: 'drift',
  unavailable: 'n/a',
  failed: 'FAILED',
  'not started': 'skipped',
};

const MARK_WIDTH = 8;
const KIND_WIDTH = 11;

/** What is -> what should be, and why; an item as it should be has only its reason. */
function formatItem(item: Item): string {
  const { state, kind, subject, current, desired, reason } = item;
  const change =
    state === 'unchanged' || state === 'unavailable' || current === desired ? '' : `${current} -> ${desired}`;
  const told = [change, reason].filter((text) => text !== '').join('; ');
  const line = `  ${MARKS[state].padEnd(MARK_WIDTH)}${kind.padEnd(KIND_WIDTH)}${subject}: ${told}`;
  return [escapeControl(line), ...(item.diff === undefined ? [] : formatDiff(item.diff))].join('\n');
}

const MAX_DIFF_LINES = 200;

/** What somebody wrote into a file is shown as text, whatever it would do to a terminal. */
function formatDiff(diff: string): string[] {
  const lines = diff.replace(/\n$/, '').split('\n');
  const shown = lines.slice(0, MAX_DIFF_LINES).map((line) => `    ${escapeControl(line.replaceAll('\t', '  '))}`);
  return lines.length > MAX_DIFF_LINES ? [...shown, `    (${lines.length - MAX_DIFF_LINES} lines more)`] : shown;
}

/** One plan, phase by phase. */
export function formatPlan(plan: Plan): string {
  const uid = plan.uid === undefined ? '' : ` (uid ${plan.uid})`;
  const lines = [escapeControl(`${plan.subject}${uid}`)];
  for (const phase of PHASES) {
    const items = plan.items.filter((item) => item.phase === phase);
    if (items.length > 0) lines.push(phase, ...items.map(formatItem));
  }
  return lines.join('\n');
}

export type StateCounts = Record<ItemState, number>;

/** As the trail names them. */
export type PlanAction = 'setup.apply' | 'setup.remove';

export function countStates(plans: readonly Plan[]): StateCounts {
  const counts: StateCounts = {
    todo: 0,
    done: 0,
    unchanged: 0,
    drift: 0,
    unavailable: 0,
    failed: 0,
    'not started': 0,
  };
  for (const { items } of plans) for (const { state } of items) counts[state] += 1;
  return counts;
}

/** `3 done, 12 unchanged, 2 unavailable`. */
export function formatSummary(states: StateCounts): string {
  const counts = Object.entries(states).filter(([, count]) => count > 0);
  return counts.length === 0 ? 'nothing' : counts.map(([state, count]) => `${count} ${state}`).join(', ');
}

/** One plan in one line, for a list of many: what became of it. */
export function formatLine(plan: Plan): string {
  const uid = plan.uid === undefined ? '' : ` (uid ${plan.uid})`;
  return escapeControl(`${plan.subject}${uid}: ${formatSummary(countStates([plan]))}`);
}

/** A plan without its steps' contents: phases with their items. */
export function planToJson(plan: Plan, subjectKey: string): object {
  return {
    [subjectKey]: plan.subject,
    ...(plan.uid === undefined ? {} : { uid: plan.uid }),
    phases: PHASES.map((phase) => ({
      phase,
      items: plan.items
        .filter((item) => item.phase === phase)
        .map(({ kind, subject, current, desired, state, reason, diff }) => ({
          kind,
          subject,
          current,
          desired,
          state,
          reason,
          ...(diff === undefined ? {} : { diff }),
        })),
    })).filter(({ items }) => items.length > 0),
    ...(plan.error === undefined ? {} : { error: plan.error }),
  };
}
