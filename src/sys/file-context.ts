/**
 * SELinux contexts of files that root writes: what the policy says of their path, as restorecon(8) would set it. Without,
 * a new file gets the type that its writer's domain gives it: one that a unit of systemd writes into /etc could not be read by
 * the programs that it is for.
 */
import { existsSync, constants as fileConstants, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { cFunction, errnoError, ffi } from './ffi.js';

const LIBRARY = 'libselinux.so.1';

let isEnabled: boolean | undefined;

/** The policy's context for a path, undefined when it says nothing of it (selabel_lookup(3)). */
function contextFor(path: string, mode: number): string | undefined {
  const match = cFunction(LIBRARY, 'int matchpathcon(const char *path, unsigned int mode, _Out_ void **ret_context)');
  const context: unknown[] = [null];
  if (match(path, mode, context) !== 0) return undefined;
  const text = String(ffi().decode(context[0], 'char', -1));
  cFunction(LIBRARY, 'void freecon(char *context)')(context[0]);
  return text;
}

const isRootOfSelinux = () => process.geteuid?.() === 0 && existsSync('/sys/fs/selinux/enforce');

/** The SELinux type that the policy says a directory of this path has; undefined when it says none, and where SELinux is off. */
export function directoryType(path: string): string | undefined {
  isEnabled ??= isRootOfSelinux();
  return isEnabled ? contextFor(path, fileConstants.S_IFDIR)?.split(':')[2] : undefined;
}

/** After a change of the policy's contexts, which libselinux reads once. */
export function forgetFileContexts(): void {
  cFunction(LIBRARY, 'void matchpathcon_fini(void)')();
}

/** Gives an opened file the context of the path that it will have. Does nothing where SELinux is off. @throws system errors */
export function setFileContext(fd: number, path: string): void {
  isEnabled ??= isRootOfSelinux();
  if (!isEnabled) return;
  const context = contextFor(path, fstatSync(fd).mode);
  if (context === undefined) return;
  const set = cFunction(LIBRARY, 'int fsetfilecon(int fd, const char *context)');
  if (set(fd, context) === 0 || ffi().errno() === constants.errno.EOPNOTSUPP) return;
  throw errnoError('fsetfilecon', path);
}
