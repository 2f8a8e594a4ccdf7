/** Devices of the host that an option names. */
import { realpathSync, statSync } from 'node:fs';
import { asIsoError } from '../lib/errors.js';

/** Numbers of a device as makedev(3) packs them. */
const majorOf = (device: bigint) => ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n);
const minorOf = (device: bigint) => (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);

/** `8:0` of a block device, or in words why it is none. */
export function readBlockDevice(path: string): { numbers: string } | { why: string } {
  try {
    const stat = statSync(realpathSync(path), { bigint: true });
    if (!stat.isBlockDevice()) return { why: 'it is no block device' };
    return { numbers: `${majorOf(stat.rdev)}:${minorOf(stat.rdev)}` };
  } catch (error) {
    return { why: asIsoError(error).why };
  }
}

export interface CharacterDevice {
  /** Real path. */
  path: string;
  major: number;
  minor: number;
  mode: number;
  uid: number;
}

/** A character device, or in words why it is none. */
export function readCharacterDevice(path: string): CharacterDevice | { why: string } {
  try {
    const real = realpathSync(path);
    const { rdev, mode, uid } = statSync(real, { bigint: true });
    const numbers = { major: Number(majorOf(rdev)), minor: Number(minorOf(rdev)) };
    if ((mode & 0o170000n) === 0o020000n) return { path: real, ...numbers, mode: Number(mode), uid: Number(uid) };
    return { why: (mode & 0o170000n) === 0o060000n ? 'a disk is not given to a container' : 'it is no device' };
  } catch (error) {
    return { why: asIsoError(error).why };
  }
}
