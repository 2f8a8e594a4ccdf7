/** Whether the system that is set up is the one that runs: images are built in a chroot, or below another root directory. */
import { statSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';

/** By the rule of systemd's running_in_chroot: process 1 has another root directory, or /proc is not there to say so. */
function isChroot(): boolean {
  try {
    const [first, own] = [statSync('/proc/1/root'), statSync('/')];
    return first.dev !== own.dev || first.ino !== own.ino;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true;
    // Only root may ask, and users set up nothing but their own homes.
    if (hasErrno(error, 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/**
 * Why the kernel and the services around us are not those of the system below `root`, or undefined when they are: then
 * nothing but its files may be changed.
 */
export function whyNotRunning(root: string): string | undefined {
  if (root !== '/') return 'another root directory is set up';
  return isChroot() ? 'this is a chroot (/proc/1/root is another directory, or /proc is not mounted)' : undefined;
}
