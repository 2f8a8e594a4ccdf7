/** What the audit trail is told about the image store. Pure. */
import type { ErrorCode, IsoError } from '../lib/errors.js';
import type { NewEvent } from '../trail/record-event.js';
import type { ImageRecord } from './record.js';

export type ImageAction = 'image.import' | 'image.bootstrap' | 'image.remove';

/** A hostile archive is a security event; most else that goes wrong is a mistake, and reported to the caller alone as such. */
const CATEGORY: Partial<Record<ErrorCode, NewEvent['category']>> = {
  'image.invalid': 'security',
  'permission.denied': 'permission',
  'user.refused': 'permission',
  'user.not-provisioned': 'permission',
  'quota.near': 'resource',
  'write.failed': 'resource',
  'tool.missing': 'system',
  'tool.failed': 'system',
  'os.failed': 'system',
  internal: 'system',
};

const DONE: Record<ImageAction, string> = {
  'image.import': 'imported',
  'image.bootstrap': 'made',
  'image.remove': 'removed',
};

export function successEvent(action: ImageAction, image: ImageRecord): NewEvent {
  const digest = image.layers.at(-1) ?? '';
  return {
    category: 'lifecycle',
    action,
    outcome: 'success',
    severity: 'info',
    message: `image ${image.name} ${DONE[action]}`,
    details: { image: image.name, digest, bytes: image.size, source: image.source },
  };
}

/** `name` and `source` are what the caller typed; they are cut to what an event may hold. */
export function failureEvent(action: ImageAction, name: string, source: string, error: IsoError): NewEvent {
  const category = CATEGORY[error.code] ?? 'lifecycle';
  return {
    category,
    action,
    outcome: 'failure',
    severity: category === 'lifecycle' ? 'notice' : 'warning',
    message: error.what.slice(0, 1024),
    error: cut(error),
    details: { image: name.slice(0, 256), source: source.slice(0, 1024) },
  };
}

function cut(error: IsoError): NonNullable<NewEvent['error']> {
  const { code, what, why, hint } = error.toJSON();
  const short = { code, what: what.slice(0, 1024), why: why.slice(0, 4096) };
  return hint === undefined ? short : { ...short, hint: hint.slice(0, 1024) };
}
