/** What a host of containers has and a bare build machine may lack: a FUSE device that everybody may open. */
import { chmodSync, existsSync, statSync } from 'node:fs';
import { FUSE_DEVICE } from '../../src/setup/desired-host.js';

const DEVICE = `/${FUSE_DEVICE.path}`;

/** Sets the mode that udev, or `iso-setup system` where no udev runs, gives the device; returns the undo. */
export function setup(): (() => void) | undefined {
  if (!existsSync(DEVICE)) return undefined;
  const mode = statSync(DEVICE).mode & 0o7777;
  if (mode === FUSE_DEVICE.mode) return undefined;
  chmodSync(DEVICE, FUSE_DEVICE.mode);
  return () => chmodSync(DEVICE, mode);
}
