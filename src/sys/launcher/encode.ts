/** Launch plans to bytes for the launcher (native/wire.h) and to a digest. Pure. */
import { createHash } from 'node:crypto';
import { IsoError } from '../../lib/errors.js';
import { formatMode } from '../../lib/units.js';
import type { LaunchPlan, Op, PlannedOp, RunValues, Text } from './ops.js';

const MAGIC = 'ISOPLAN1';
/** The launcher's own bounds (native/plan.h, wire.h). */
export const MAX_OPS = 4096;
const MAX_ARG_BYTES = 128 * 1024;
const MAX_PLAN_BYTES = 8 * 2 ** 20;

function token(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes, Buffer.alloc(1)]);
}

/** The value of an argument in this run. */
export function resolveText(text: Text, values: RunValues): string {
  if (typeof text === 'string') return text;
  const value = values[text.argument];
  if (value === undefined) throw new Error(`run argument ${text.argument} has no value`);
  return value;
}

function argument(value: Op[number] | undefined, values: RunValues): Uint8Array | string {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  return resolveText(value as Text, values);
}

function checkArgument(bytes: Uint8Array | string, origin: string): void {
  if (Buffer.byteLength(bytes) > MAX_ARG_BYTES) {
    throw new IsoError(
      'plan.too-large',
      'cannot make a launch plan',
      `${origin} is longer than ${MAX_ARG_BYTES} bytes`,
    );
  }
  if (typeof bytes !== 'string') return;
  // Node decodes what it reads from the system as UTF-8 and puts U+FFFD for the rest: the container would get other bytes.
  const fault = bytes.includes('\0') ? 'a NUL byte' : bytes.includes('\ufffd') ? 'bytes that are no UTF-8' : undefined;
  if (fault) throw new IsoError('usage.invalid', 'cannot make a launch plan', `${origin} holds ${fault}`);
}

/** The bytes that the launcher reads. @throws IsoError plan.too-large, usage.invalid */
export function encodePlan(plan: LaunchPlan, values: RunValues): Buffer {
  const tokens = [token(MAGIC), token(String(plan.length))];
  for (const { stage, op, origin } of plan) {
    tokens.push(token(stage), token(op[0]));
    for (const value of op.slice(1)) {
      const bytes = argument(value, values);
      checkArgument(bytes, origin);
      tokens.push(token(bytes));
    }
  }
  const encoded = Buffer.concat(tokens);
  if (plan.length > MAX_OPS || encoded.length > MAX_PLAN_BYTES) {
    const why = `${plan.length} ops and ${encoded.length} bytes; ${MAX_OPS} ops and ${MAX_PLAN_BYTES} bytes are the most`;
    throw new IsoError('plan.too-large', 'cannot make a launch plan', why);
  }
  return encoded;
}

const hasMode = (op: Op) => op[0] === 'mkdir' || op[0] === 'touch';

/** An op as people and `--json` see it. Environment values may be secrets: only their names are shown. */
export function printableArguments({ op }: PlannedOp): string[] {
  if (op[0] === 'env') return [`${op[1].slice(0, op[1].indexOf('='))}=…`];
  return op.slice(1).map((value) => {
    if (value instanceof Uint8Array)
      return `${value.length} bytes sha256:${createHash('sha256').update(value).digest('hex')}`;
    if (typeof value === 'object') return `<${value.argument}>`;
    // Capability sets and modes as everybody writes them.
    if (typeof value === 'bigint') return `0x${value.toString(16)}`;
    return typeof value === 'number' && hasMode(op) ? formatMode(value) : String(value);
  });
}

/** `sha256:…` over stages, ops and printable arguments: the same for every run of the same shape. */
export function planDigest(plan: LaunchPlan): string {
  const lines = plan.map((planned) => JSON.stringify([planned.stage, planned.op[0], ...printableArguments(planned)]));
  return `sha256:${createHash('sha256').update(lines.join('\n')).digest('hex')}`;
}
