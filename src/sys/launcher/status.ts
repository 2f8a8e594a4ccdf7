/** The launcher's report on descriptor 4: records to an outcome (native/status.h). Pure. */

const RECORD_BYTES = 20;
const KINDS = { 1: 'ready', 2: 'fail', 3: 'start', 4: 'exit', 5: 'lost', 6: 'done' } as const;
const ROLES = { 1: 'outer', 2: 'session', 3: 'container' } as const;

export interface StatusRecord {
  kind: (typeof KINDS)[keyof typeof KINDS];
  role: (typeof ROLES)[keyof typeof ROLES];
  /** Position of the op in the plan; of `lost`, the caller's descriptor that took no more output. */
  index: number;
  detail: number;
  errno: number;
}

/** Whole records of a report; a cut last one and unknown kinds are left out. */
export function parseStatus(bytes: Buffer): StatusRecord[] {
  const records: StatusRecord[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const kind = KINDS[bytes.readUInt32LE(at) as keyof typeof KINDS];
    const role = ROLES[bytes.readUInt32LE(at + 4) as keyof typeof ROLES];
    if (kind === undefined || role === undefined) continue;
    const [index, detail, errno] = [
      bytes.readUInt32LE(at + 8),
      bytes.readUInt32LE(at + 12),
      bytes.readInt32LE(at + 16),
    ];
    records.push({ kind, role, index, detail, errno });
  }
  return records;
}

export type LaunchOutcome =
  /**
   * The payload ran: its exit status, or 128+n when signal n ended it. `cleanup` lists clean-up ops that failed; `lost` is
   * the output that could not be written.
   */
  | { kind: 'exited'; code: number; cleanup: StatusRecord[]; lost?: StatusRecord }
  /** What was asked for is done, and goes on without its launcher. */
  | { kind: 'detached' }
  /** An op failed; the payload never ran. `exec` when it was execve itself. */
  | { kind: 'failed'; failure: StatusRecord; exec: boolean }
  /** The launcher ended without a word; `started` when the payload ran until then. */
  | { kind: 'died'; status: string; started: boolean };

function exitCode(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

/**
 * What the records say. A FAIL of set-up wins over an EXIT: the container process ends after it failed. After READY a FAIL
 * of the container is execve's; `afterwards` is the index of the first op that follows a start, whose failures do not undo
 * the run.
 */
export function outcomeOf(records: readonly StatusRecord[], afterwards: number, died: string): LaunchOutcome {
  const failures = records.filter((record) => record.kind === 'fail');
  const failure = failures.find((record) => record.index < afterwards);
  if (failure) {
    const exec = failure.role === 'container' && records.some((record) => record.kind === 'ready');
    return { kind: 'failed', failure, exec };
  }
  const exit = records.find((record) => record.kind === 'exit');
  const started = records.some((record) => record.kind === 'ready');
  if (!exit && records.some((record) => record.kind === 'done')) return { kind: 'detached' };
  if (!exit || !started) return { kind: 'died', status: died, started };
  const lost = records.find((record) => record.kind === 'lost');
  return { kind: 'exited', code: exitCode(exit.detail), cleanup: failures, ...(lost ? { lost } : {}) };
}
