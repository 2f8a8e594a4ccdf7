/** Access to the files of a container that does not run: its own launch plan, with a program of ours for its payload. Pure. */
import type { LaunchPlan, Op, OpName, PlannedOp, Stage } from '../sys/launcher/ops.js';
import { DEFAULT_PATH } from './spec.js';

/** Nothing is written into the books, and nothing is limited: the container does not run. */
const KEPT_STAGES: readonly Stage[] = ['host', 'session', 'container', 'cleanup'];
const LEFT_OUT: readonly OpName[] = [
  ...(['cgroup-make', 'cgroup-write', 'supervise', 'relabel', 'stdio'] as const),
  ...(['terminal', 'console', 'oom-score', 'rlimit', 'arg', 'args', 'exec'] as const),
  ...(['groups', 'ids', 'caps', 'chdir'] as const),
];

/** With these before the op of a name. */
function before(plan: LaunchPlan, name: OpName, ops: readonly Op[]): PlannedOp[] {
  return plan.flatMap((planned) => {
    const more = ops.map((op): PlannedOp => ({ ...planned, op }));
    return planned.op[0] === name ? [...more, planned] : [planned];
  });
}

/** `program` runs as root of the container, confined as its payload is. */
export function compileCopy(plan: LaunchPlan, program: string, stdin: boolean): LaunchPlan {
  const kept = plan.filter(({ stage, op }) => KEPT_STAGES.includes(stage) && !LEFT_OUT.includes(op[0]));
  const mask = plan.flatMap(({ op }) => (op[0] === 'cap-bound' ? [op[1]] : []))[0] ?? 0n;
  const root: Op[] = [
    ['groups', '0'],
    ['ids', 0, 0],
    ['caps', mask, mask, 0n, 0n],
    ['chdir', '/'],
  ];
  const end = (op: Op): PlannedOp => ({ stage: 'container', op, origin: 'cp' });
  const streamed = before(kept, 'session', [['stdio', stdin ? 'pipe' : 'null', '']]);
  const asRoot = before(streamed, 'no-new-privs', root);
  const at = asRoot.findIndex(({ stage }) => stage === 'container');
  const isCleanup = ({ stage }: PlannedOp) => stage === 'cleanup';
  return [
    ...asRoot.slice(0, at),
    end(['program', program]),
    ...asRoot.slice(at).filter((one) => !isCleanup(one)),
    end(['args']),
    end(['exec', DEFAULT_PATH]),
    ...asRoot.filter(isCleanup),
  ];
}
