/** The audit trail's event: its type and JSON schema. Version 1 is final: fields are added, never changed. Pure. */
import type { JSONSchemaType } from 'ajv';
import type { ErrorRecord } from '../lib/errors.js';

export const CATEGORIES = ['security', 'resource', 'permission', 'system', 'lifecycle'] as const;
export const SEVERITIES = ['info', 'notice', 'warning', 'error', 'critical'] as const;
const OUTCOMES = ['success', 'failure', 'unknown'] as const;

export interface TrailEvent {
  schema: 1;
  /** RFC 3339 with milliseconds, UTC. */
  time: string;
  category: (typeof CATEGORIES)[number];
  /** Dotted, stable, subject first: `container.start`, `setup.apply`, `volume.refuse`. */
  action: string;
  outcome: (typeof OUTCOMES)[number];
  severity: (typeof SEVERITIES)[number];
  /** Who says so: `root` (written by root's own tools), `kernel` (a kernel record), `self` (the user's own session). */
  origin: 'root' | 'kernel' | 'self';
  /** The uid that acted, from the kernel: the writing process, or the owner of a spool. */
  uid: number;
  pid: number;
  /** What the event is about, one line for people. */
  message: string;
  /** The user acted upon, when it is not the acting one. */
  subject?: string;
  container?: { id: string; name: string; image: string };
  /** `sha256:…` of the launch plan. */
  plan?: string;
  error?: ErrorRecord;
  /** Flat further facts. */
  details?: Record<string, string | number | boolean>;
}

const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;

/** Limits match what one line of the trail may hold. */
export const eventSchema: JSONSchemaType<TrailEvent> = {
  type: 'object',
  additionalProperties: false,
  required: ['schema', 'time', 'category', 'action', 'outcome', 'severity', 'origin', 'uid', 'pid', 'message'],
  properties: {
    schema: { type: 'integer', const: 1 },
    time: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    category: { type: 'string', enum: CATEGORIES },
    action: { type: 'string', pattern: '^[a-z]+(\\.[a-z-]+)+$', maxLength: 64 },
    outcome: { type: 'string', enum: OUTCOMES },
    severity: { type: 'string', enum: SEVERITIES },
    origin: { type: 'string', enum: ['root', 'kernel', 'self'] },
    uid: { type: 'integer', minimum: 0, maximum: 4294967295 },
    pid: { type: 'integer', minimum: 0 },
    message: text(1024),
    subject: { ...text(256), nullable: true },
    container: {
      type: 'object',
      nullable: true,
      additionalProperties: false,
      required: ['id', 'name', 'image'],
      properties: { id: text(64), name: text(256), image: text(256) },
    },
    plan: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$', nullable: true },
    error: {
      type: 'object',
      nullable: true,
      additionalProperties: false,
      required: ['code', 'what', 'why'],
      properties: {
        // ajv's type wants every code listed; the table in lib/errors.ts is the list.
        code: { type: 'string', pattern: '^[a-z.-]+$', maxLength: 64 } as never,
        what: text(1024),
        why: text(4096),
        hint: { ...text(1024), nullable: true },
      },
    },
    details: {
      type: 'object',
      nullable: true,
      required: [],
      maxProperties: 32,
      additionalProperties: { type: ['string', 'number', 'boolean'] as never, maxLength: 1024 } as never,
    },
  },
};
