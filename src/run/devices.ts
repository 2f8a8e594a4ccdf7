/** Which devices of the host a container may have. Pure. */
import type { CharacterDevice } from '../facts/devices.js';
import { IsoError } from '../lib/errors.js';
import type { Device } from './options/devices.js';

/** As the launcher binds it. */
export interface BoundDevice extends Device {
  major: number;
  minor: number;
}

/**
 * Major numbers (admin-guide/devices.rst) of what stands for a person: whoever writes to a terminal can type into it
 * (CVE-2017-5226), and input devices are all that is typed.
 */
const TERMINALS = [4, 5, 7, 136, 137, 138, 139, 140, 141, 142, 143, 188, 204];
const INPUT = 13;
const MISC = 10;
const UINPUT = 223;

function whyNot({ major, minor, mode, uid }: CharacterDevice, caller: number): string | undefined {
  if (TERMINALS.includes(major)) return 'it is a terminal of the host, into which its writer can type';
  if (major === INPUT || (major === MISC && minor === UINPUT)) return 'it is what is typed on the host';
  if ((mode & 0o006) === 0o006 || (uid === caller && (mode & 0o600) === 0o600)) return undefined;
  if ((mode & 0o060) === 0o060)
    return "only its group may open it, and the caller's groups have no number in a container";
  return 'this user may not open it for reading and writing';
}

/** @throws IsoError device.refused */
export function bindDevice(device: Device, facts: CharacterDevice | { why: string }, caller: number): BoundDevice {
  const why = 'why' in facts ? facts.why : whyNot(facts, caller);
  if (why !== undefined || 'why' in facts) {
    throw new IsoError('device.refused', `cannot give ${device.source} to a container`, `${why} (${device.origin})`);
  }
  return { ...device, source: facts.path, major: facts.major, minor: facts.minor };
}
