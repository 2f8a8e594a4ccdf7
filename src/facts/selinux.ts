/** SELinux as the running kernel has it; read-only. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { parseContext, type SelinuxContext } from '../lib/selinux-context.js';
import { readExtendedAttribute } from '../sys/extended-attribute.js';

export function whyNoSelinux(): string | undefined {
  return existsSync('/sys/fs/selinux/enforce') ? undefined : 'SELinux is not enabled: /sys/fs/selinux is absent';
}

/**
 * The kernel says whether it knows a context when the context is written to this file; setting an unknown one as root would
 * succeed and mean nothing.
 */
export function isKnownContext(context: string): boolean {
  try {
    writeFileSync('/sys/fs/selinux/context', `${context}\0`);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EINVAL', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/** What a launch needs to know; undefined where SELinux is not enabled. Permissive hosts are treated as enforcing ones. */
export interface LaunchSelinux {
  /** Of the calling process; undefined when it is none with a level. */
  own: SelinuxContext | undefined;
  /** Of the user's container tree, which iso-setup gave the user's categories. */
  tree: SelinuxContext | undefined;
}

/** `tree`: the user's container tree. */
export function readLaunchSelinux(tree: string): LaunchSelinux | undefined {
  if (whyNoSelinux() !== undefined) return undefined;
  const own = readFileSync('/proc/self/attr/current', 'utf8').replace(/[\0\n]+$/, '');
  const label = readExtendedAttribute(tree, 'security.selinux')?.toString('utf8').replace(/\0+$/, '');
  return { own: parseContext(own), tree: label === undefined ? undefined : parseContext(label) };
}
