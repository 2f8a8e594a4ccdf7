/** A compiled plan for people and for programs. Pure. */
import { escapeControl } from '../lib/text.js';
import { printableArguments } from '../sys/launcher/encode.js';
import { formatOp } from '../sys/launcher/explain.js';
import { STAGES } from '../sys/launcher/ops.js';
import type { PreparedRun } from './prepare.js';

const STAGE_TEXT: Record<(typeof STAGES)[number], string> = {
  create: 'create stage: what a new container leaves on disk',
  host: "host stage: in the caller's namespaces",
  session: "session stage: root over the user's own ids",
  container: 'container stage: pid 1 of the container',
  started: 'started stage: beside the payload',
  cleanup: 'clean-up stage: when the container has ended',
  exited: 'exited stage: after a payload that ran',
  failed: 'failed stage: after a launch that came to no payload',
  discard: 'discard stage: then, where the container was new',
};

/** Every op under its stage, numbered as errors number them, and the digest. */
export function formatPlan({ plan, digest }: PreparedRun): string {
  const numbered = plan.map((planned, index) => ({ planned, index }));
  const parts = STAGES.map((stage) => {
    const ops = numbered.filter(({ planned }) => planned.stage === stage);
    const lines = ops.map(
      ({ planned, index }) => `  ${String(index).padStart(3)}  ${escapeControl(formatOp(planned))}`,
    );
    return [STAGE_TEXT[stage], ...lines].join('\n');
  });
  return `${parts.join('\n')}\ndigest: ${digest}\n`;
}

export function planToJson({ plan, digest, spec }: PreparedRun): object {
  const ops = plan.map((planned) => ({
    stage: planned.stage,
    op: planned.op[0],
    arguments: printableArguments(planned),
    origin: planned.origin,
  }));
  return { digest, ops, warnings: spec.warnings };
}
