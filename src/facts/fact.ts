/** One measured value, or why there is none: a report must tell "not so" from "could not be seen". Pure. */

export type FactValue = string | number | boolean | readonly string[];

export type Fact =
  | { kind: 'measured'; value: FactValue }
  /** This host has not what the question is about. */
  | { kind: 'absent'; why: string }
  /** The reader has no right to see it. */
  | { kind: 'denied'; why: string }
  /** What was looked at ended meanwhile. */
  | { kind: 'gone'; why: string }
  | { kind: 'failed'; why: string };

export const measured = (value: FactValue): Fact => ({ kind: 'measured', value });
export const absent = (why: string): Fact => ({ kind: 'absent', why });
export const denied = (why: string): Fact => ({ kind: 'denied', why });
export const gone = (why: string): Fact => ({ kind: 'gone', why });
export const failed = (why: string): Fact => ({ kind: 'failed', why });

/** What a system error says about the thing that was read; `missing` is what ENOENT means for it. */
export function factOfError(error: unknown, missing: (why: string) => Fact = absent): Fact {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return missing('it does not exist here');
    case 'EACCES':
    case 'EPERM':
      return denied('permission denied');
    case 'ESRCH':
      return gone('the process ended');
    default:
      return failed(error.message);
  }
}
