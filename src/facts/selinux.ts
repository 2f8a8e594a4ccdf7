/** SELinux as the running kernel has it; read-only. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
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

const ownContext = () => readFileSync('/proc/self/attr/current', 'utf8').replace(/[\0\n]+$/, '');

const PERMISSION = { class: 'cap_userns', name: 'sys_admin' };

/** What the loaded policy allows a context on itself, as a mask of the class's permissions. @throws system errors */
function allowedOnSelf(context: string, classIndex: string): number {
  const fd = openSync('/sys/fs/selinux/access', 'r+');
  try {
    writeSync(fd, `${context} ${context} ${classIndex}`);
    const answer = Buffer.alloc(128);
    const size = readSync(fd, answer, 0, answer.length, 0);
    return Number.parseInt(answer.toString('latin1', 0, size), 16);
  } finally {
    closeSync(fd);
  }
}

/**
 * Why this process can set up no container whatever label it got, or undefined when it can: it mounts in a user namespace of
 * its own, which Debian's policy gives no confined login. What may not even be asked is left to the kernel.
 */
export function whyConfined(): string | undefined {
  const own = `/sys/fs/selinux/class/${PERMISSION.class}`;
  if (!existsSync(own) || readFileSync('/sys/fs/selinux/enforce', 'utf8').trim() !== '1') return undefined;
  const context = ownContext();
  try {
    const number = Number(readFileSync(`${own}/perms/${PERMISSION.name}`, 'utf8'));
    const allowed = allowedOnSelf(context, readFileSync(`${own}/index`, 'utf8').trim());
    if ((allowed & (2 ** (number - 1))) !== 0) return undefined;
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
  return `SELinux allows the login's context ${context} no mounts in a user namespace (${PERMISSION.class} ${PERMISSION.name})`;
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
  const own = ownContext();
  const label = readExtendedAttribute(tree, 'security.selinux')?.toString('utf8').replace(/\0+$/, '');
  return { own: parseContext(own), tree: label === undefined ? undefined : parseContext(label) };
}
