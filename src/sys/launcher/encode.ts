/** Launch plans to bytes for the launcher (native/plan.h) and to a digest. Pure. */
import { createHash } from 'node:crypto';
import { IsoError } from '../../lib/errors.js';
import { formatMode } from '../../lib/units.js';
import { encodeTokens } from '../wire.js';
import type { Composition, LaunchPlan, Op, Part, PlannedOp, RunValues, Text } from './ops.js';

const MAGIC = 'ISOPLAN2';
/** The launcher's own bounds (native/plan.h, wire.h). */
export const MAX_OPS = 4096;
const MAX_ARG_BYTES = 128 * 1024;
const MAX_PLAN_BYTES = 8 * 2 ** 20;

const isComposition = (value: object): value is Composition => 'parts' in value;

/** The bytes 1 to 4 are the composition's own (native/compose.h). */
function encodePart(part: Part): string {
  if (typeof part === 'string') {
    if ([...part].some((one) => one >= '\x01' && one <= '\x04')) throw new Error('a composition holds its own mark');
    return part;
  }
  const most = part.most === undefined ? '' : `:${part.most}`;
  if ('value' in part) return `\x01${part.value}${most}\x02`;
  return `${part.list === 'json' ? '\x03' : '\x04'}command${most}\x02`;
}

function encodeArgument(value: Op[number] | undefined): Uint8Array | string {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (typeof value === 'object' && isComposition(value)) return value.parts.map(encodePart).join('');
  return typeof value === 'object' ? `$${value.argument}` : `=${value}`;
}

function checkText(bytes: Uint8Array | string, origin: string): void {
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

/** The plan without the values of a run. @throws IsoError plan.too-large, usage.invalid */
export function encodePlan(plan: LaunchPlan): Buffer {
  const tokens: (string | Uint8Array)[] = [MAGIC, String(plan.length)];
  for (const { stage, op, origin } of plan) {
    tokens.push(stage, op[0]);
    for (const value of op.slice(1)) {
      const bytes = encodeArgument(value);
      checkText(bytes, origin);
      tokens.push(bytes);
    }
  }
  const encoded = encodeTokens(tokens);
  if (plan.length <= MAX_OPS && encoded.length <= MAX_PLAN_BYTES) return encoded;
  const why = `${plan.length} ops and ${encoded.length} bytes; ${MAX_OPS} ops and ${MAX_PLAN_BYTES} bytes are the most`;
  throw new IsoError('plan.too-large', 'cannot make a launch plan', why);
}

const originOf = (name: string) => (name === 'command' ? 'command' : name.startsWith('env.') ? '--env' : name);

/** What the launcher reads: a plan and the values of one run. @throws IsoError plan.too-large, usage.invalid */
export function encodeRequest(plan: Buffer, values: RunValues): Buffer {
  for (const [name, text] of values) checkText(text, originOf(name));
  const request = Buffer.concat([plan, encodeTokens([values.length, ...values.flat()])]);
  if (request.length <= MAX_PLAN_BYTES) return request;
  const why = `it has ${request.length} bytes with its values, and ${MAX_PLAN_BYTES} are the most`;
  throw new IsoError('plan.too-large', 'cannot make a launch plan', why);
}

function showPart(part: Part): string {
  if (typeof part === 'string') return part;
  return 'value' in part ? `<${part.value}>` : '<command>';
}

export const showText = (text: Text) => (typeof text === 'string' ? text : `<${text.argument}>`);

const WITH_MODE: readonly string[] = ['mkdir', 'touch', 'make-directory', 'write-file', 'append-line'];
const hasMode = (op: Op) => WITH_MODE.includes(op[0]);

/** An op as people and `--json` see it. Environment values may be secrets: only their names are shown. */
export function printableArguments({ op }: PlannedOp): string[] {
  if (op[0] === 'env' && typeof op[1] === 'string') return [`${op[1].slice(0, op[1].indexOf('='))}=…`];
  return op.slice(1).map((value) => {
    if (value instanceof Uint8Array)
      return `${value.length} bytes sha256:${createHash('sha256').update(value).digest('hex')}`;
    if (typeof value === 'object') return isComposition(value) ? value.parts.map(showPart).join('') : showText(value);
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
