/** Plans on their way out: printed one by one as they are finished, counted, and recorded in the trail. */
import { ERROR_CODES, type ErrorRecord, IsoError } from '../lib/errors.js';
import { escapeControl } from '../lib/text.js';
import { recordPlan } from '../setup/events.js';
import {
  countStates,
  formatLine,
  formatPlan,
  formatSummary,
  type PlanAction,
  planToJson,
  type StateCounts,
} from '../setup/format-plans.js';
import type { Plan } from '../setup/step.js';
import type { Recovery } from '../setup/transaction.js';
import { unifiedDiff } from '../sys/diff.js';
import { printError } from './main.js';
import { writeOut } from './write-out.js';

export interface PrintOptions {
  action: PlanAction;
  /** Nothing is changed. */
  isDry: boolean;
  /** What is not as declared decides the exit status. */
  isCheck: boolean;
  json: boolean;
  /** The difference is shown of each file that somebody edited. */
  isDiff: boolean;
  /** Every step of every user, also of many. */
  isVerbose: boolean;
  /** The plans are of this host, whose trail tells of them. */
  isHost: boolean;
  /** What a plan is of, in JSON. */
  key: 'user' | 'host';
  /** Undefined for one subject: then it is shown whole, in JSON as one object. */
  many: number | undefined;
}

export interface PlanPrinter {
  /** What an earlier run had left, and what became of it. */
  tell: (found: Recovery) => void;
  /** A plan of something else than the others has a key of its own in JSON, and is shown whole. */
  report: (plan: Plan, ownKey?: string) => void;
  /** A plan that is told of elsewhere. */
  record: (plan: Plan) => void;
  /** Prints what comes last and sets the exit status. */
  end: () => void;
}

/** As `terraform plan -detailed-exitcode`: 1 would be told apart from an uncaught error by nobody. */
const EXIT_DRIFT = 2;
const PROGRESS_EVERY = 100;

const toError = ({ code, what, why, hint }: ErrorRecord): IsoError => new IsoError(code, what, why, { hint });

const COMMANDS = { user: 'the set-up of', remove: 'the removal of', system: 'the set-up of' };

function recoveryWords(found: Recovery): string {
  switch (found.kind) {
    case 'finished':
      return found.plan.error
        ? `could not finish ${COMMANDS[found.command]} ${found.plan.subject} that an earlier run began: ${found.plan.error.why}`
        : `finished ${COMMANDS[found.command]} ${found.plan.subject} that an earlier run began`;
    case 'dropped':
      return `left ${COMMANDS[found.command]} ${found.subject} that an earlier run began: ${found.why}`;
    case 'ranges':
      return `an earlier run did not end while it wrote /etc/subuid and /etc/subgid: ${found.outcome}`;
    case 'refused':
      return `did not believe the journal of an earlier run: ${found.why}; it is kept as ${found.aside}`;
  }
}

function addDiffs(plan: Plan): void {
  for (const item of plan.items) if (item.edit) item.diff = unifiedDiff(item.edit.before, item.edit.after);
}

/** Failures are told at once and in the end by their number; a terminal is shown how far it is. */
export function createPrinter(options: PrintOptions): PlanPrinter {
  const { action, isDry, isDiff, json, isVerbose, isHost, key, many } = options;
  const isTerminal = process.stderr.isTTY === true && many !== undefined && !isDry;
  const counts: StateCounts = countStates([]);
  let [seen, shown, failed, untold] = [0, 0, 0, 0];
  let error: ErrorRecord | undefined;
  let differs = false;

  const clear = () => isTerminal && process.stderr.write('\r\x1b[K');
  // Another root directory is not this host, and a dry run is no deed; a refusal is worth a line either way.
  const record = (plan: Plan) => {
    if (!isHost || (isDry && plan.error?.code !== 'user.refused')) return;
    if (!recordPlan(plan, action)) untold += 1;
  };
  const print = (plan: Plan, ownKey?: string) => {
    if (json) {
      const text = JSON.stringify(planToJson(plan, ownKey ?? key));
      writeOut(many === undefined ? `${text}\n` : `${seen === 1 ? '{"users":[' : ','}${text}`);
      return;
    }
    const text = many === undefined || isVerbose || ownKey ? `${formatPlan(plan)}\n\n` : `${formatLine(plan)}\n`;
    if (plan.items.length > 0) {
      writeOut(text);
      shown += 1;
    }
    if (plan.error) printError('iso-setup', toError(plan.error), false);
  };
  return {
    record,
    tell: (found) => {
      clear();
      process.stderr.write(`iso-setup: ${escapeControl(recoveryWords(found))}\n`);
      if (found.kind === 'finished') record(found.plan);
    },
    report: (plan, ownKey) => {
      seen += 1;
      if (isDiff) addDiffs(plan);
      for (const { state } of plan.items) counts[state] += 1;
      differs ||= plan.items.some(({ state }) => state === 'todo' || state === 'drift');
      error ??= plan.error;
      if (plan.error) failed += 1;
      record(plan);
      clear();
      print(plan, ownKey);
      if (isTerminal && seen % PROGRESS_EVERY === 0) process.stderr.write(`${seen} of ${many} users, ${failed} failed`);
    },
    end: () => {
      clear();
      if (json && many !== undefined) writeOut(seen === 0 ? '{"users":[]}\n' : ']}\n');
      const users = many === undefined ? '' : `${seen} users${failed > 0 ? `, ${failed} failed` : ''}: `;
      if (!json && shown > 0) writeOut(`${users}${formatSummary(counts)}${isDry ? '; nothing was changed' : ''}\n`);
      if (untold > 0) process.stderr.write('iso-setup: the audit trail could not be written\n');
      // The first error decides; under --check what is not as declared counts too.
      process.exitCode = error ? ERROR_CODES[error.code].exit : options.isCheck && differs ? EXIT_DRIFT : 0;
    },
  };
}
