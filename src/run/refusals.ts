/** What iso-run refuses before a launch is a matter of the audit trail when it is one of permission or of resources. */
import { asIsoError, type ErrorCode } from '../lib/errors.js';
import { recordEvent } from '../trail/record-event.js';

const RESOURCES: readonly ErrorCode[] = ['controller.missing', 'quota.near'];
const RECORDED: readonly ErrorCode[] = [
  ...RESOURCES,
  'volume.refused',
  'device.refused',
  'user.refused',
  'permission.denied',
];

/** Runs `prepare`; a refusal of the codes above is recorded and thrown on. */
export async function recordRefusal<T>(image: string, prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (thrown) {
    const error = asIsoError(thrown);
    if (RECORDED.includes(error.code)) {
      recordEvent({
        category: RESOURCES.includes(error.code) ? 'resource' : 'permission',
        action: 'container.refuse',
        outcome: 'failure',
        severity: 'warning',
        message: `run of ${image.slice(0, 256)} refused: ${error.what}`.slice(0, 1024),
        error: error.toJSON(),
      });
    }
    throw error;
  }
}
