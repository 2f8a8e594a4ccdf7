import { describe, expect, it } from 'vitest';
import { explainFailure, explainLoss } from '../../../src/sys/launcher/explain.js';
import { isForeground } from '../../../src/sys/launcher/launch.js';
import type { PlannedOp } from '../../../src/sys/launcher/ops.js';
import { outcomeOf, parseStatus, type StatusRecord } from '../../../src/sys/launcher/status.js';

const record = (over: Partial<StatusRecord>): StatusRecord => ({
  kind: 'ready',
  role: 'container',
  index: 0,
  detail: 0,
  errno: 0,
  ...over,
});

function bytes(...rows: number[][]): Buffer {
  const buffer = Buffer.alloc(rows.length * 20);
  rows.flat().forEach((value, index) => {
    buffer.writeInt32LE(value, index * 4);
  });
  return buffer;
}

describe('parseStatus', () => {
  it('reads whole records and leaves out a cut one and unknown kinds', () => {
    const report = Buffer.concat([bytes([2, 3, 7, 9, 2], [9, 1, 0, 0, 0]), Buffer.alloc(7)]);
    expect(parseStatus(report)).toEqual([{ kind: 'fail', role: 'container', index: 7, detail: 9, errno: 2 }]);
  });
});

describe('outcomeOf', () => {
  it('is the exit status, or 128+n after a signal', () => {
    const exit = (detail: number) => outcomeOf([record({}), record({ kind: 'exit', role: 'session', detail })], 9, '');
    expect(exit(7 << 8)).toMatchObject({ kind: 'exited', code: 7 });
    expect(exit(9)).toMatchObject({ kind: 'exited', code: 137 });
    expect(exit(11 | 0x80)).toMatchObject({ kind: 'exited', code: 139 });
  });

  it('is the failed op even though the container process ended too', () => {
    const failure = record({ kind: 'fail', index: 3, errno: 1 });
    const outcome = outcomeOf([failure, record({ kind: 'exit', role: 'session', detail: 125 << 8 })], 9, '');
    expect(outcome).toEqual({ kind: 'failed', failure, exec: false });
  });

  it('tells a failed execve from a failed op by READY', () => {
    expect(outcomeOf([record({}), record({ kind: 'fail', index: 8, errno: 2 })], 9, '')).toMatchObject({ exec: true });
  });

  it('keeps a run whose clean-up failed', () => {
    const cleanup = record({ kind: 'fail', role: 'session', index: 9, errno: 16 });
    const outcome = outcomeOf([record({}), record({ kind: 'exit', detail: 0 }), cleanup], 9, '');
    expect(outcome).toEqual({ kind: 'exited', code: 0, cleanup: [cleanup] });
  });

  it('never takes silence for success', () => {
    expect(outcomeOf([], 9, 'SIGKILL')).toEqual({ kind: 'died', status: 'SIGKILL', started: false });
    expect(outcomeOf([record({ kind: 'exit', detail: 0 })], 9, 'status 0')).toMatchObject({ kind: 'died' });
  });
});

describe('outcomeOf a run that did not go to plan', () => {
  it('knows that a payload had started when its launcher was killed', () => {
    expect(outcomeOf([record({})], 9, 'SIGKILL')).toEqual({ kind: 'died', status: 'SIGKILL', started: true });
  });

  it('keeps the exit status beside output that was lost', () => {
    const lost = record({ kind: 'lost', role: 'outer', index: 1, errno: 28 });
    const outcome = outcomeOf([record({}), lost, record({ kind: 'exit', detail: 0 })], 9, '');
    expect(outcome).toEqual({ kind: 'exited', code: 0, cleanup: [], lost });
    expect(explainLoss(lost)).toMatchObject({ code: 'write.failed', what: expect.stringContaining('standard output') });
  });

  it('names the signal that ended a launch', () => {
    const died = (status: string) => explainFailure([], { kind: 'died', status, started: false });
    expect(died('status 143')).toMatchObject({ code: 'interrupted', why: 'SIGTERM ended the launch' });
    expect(died('status 125')).toMatchObject({ code: 'run.launcher-died' });
  });
});

describe('isForeground', () => {
  it("compares the process group with the terminal's, past a name with parentheses", () => {
    expect(isForeground('7 (a) b) S 1 42 42 34816 42 0')).toBe(true);
    expect(isForeground('7 (node) S 1 42 42 34816 99 0')).toBe(false);
    expect(isForeground('7 (node) S 1 42 42 0 -1 0')).toBe(false);
  });
});

describe('explainFailure', () => {
  const plan: PlannedOp[] = [
    { stage: 'container', op: ['bind', '/src', '/dst', 'ro', 'directory', ''], origin: '-v /src:/dst' },
    { stage: 'container', op: ['arg', 'tool'], origin: 'command' },
    { stage: 'container', op: ['exec', '/bin'], origin: 'command' },
  ];
  const failed = (index: number, errno: number, exec = false) =>
    explainFailure(plan, { kind: 'failed', failure: record({ kind: 'fail', index, errno }), exec });

  it('names what, the errno and the option behind the op', () => {
    const error = failed(0, 13);
    expect(error.what).toBe('cannot bind /src on /dst');
    expect(error.why).toContain('permission denied (EACCES) (-v /src:/dst; op 0');
    expect(error.code).toBe('run.op-failed');
  });

  it('sends a caller who sees other files than the session to a launch without it', () => {
    expect(failed(0, 116)).toMatchObject({ code: 'run.op-failed', hint: expect.stringContaining('--direct') });
  });

  it('tells a missing command from one that cannot be executed', () => {
    expect(failed(2, 2, true)).toMatchObject({ code: 'run.not-found', what: 'cannot run "tool" in the container' });
    expect(failed(2, 13, true)).toMatchObject({ code: 'run.not-executable' });
    expect(failed(2, 8, true)).toMatchObject({ code: 'run.not-executable' });
  });
});
