/** What a host offers to provisioning: programs, systemd, SELinux, AppArmor, kernel settings. Read-only. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../lib/errors.js';
import { whyNoSystemd } from '../sys/systemd.js';
import { POLKIT_SERVICE } from './linger.js';
import { whyNotRunning } from './running-host.js';
import { isKnownContext, whyNoSelinux } from './selinux.js';

/** Programs that rootless containers need, and the Debian packages that bring them. */
const TOOLS = [
  { name: 'newuidmap', package: 'uidmap' },
  { name: 'newgidmap', package: 'uidmap' },
  { name: 'fuse-overlayfs', package: 'fuse-overlayfs' },
];
const TOOL_FOLDERS = ['usr/bin', 'usr/local/bin', 'bin'];

export interface ToolFact {
  name: string;
  package: string;
  path: string | undefined;
}

export function readTools(root: string): ToolFact[] {
  return TOOLS.map((tool) => {
    const found = TOOL_FOLDERS.map((folder) => join(root, folder, tool.name)).find((path) => existsSync(path));
    return { ...tool, path: found === undefined ? undefined : `/${found.slice(root === '/' ? 1 : root.length + 1)}` };
  });
}

/** Why a feature of the host cannot be used, or undefined when it can. */
export interface FeatureFacts {
  systemd: string | undefined;
  selinux: string | undefined;
  /** Of the asked SELinux types, those that the loaded policy does not know. */
  unknownTypes: readonly string[];
  /** AppArmor refuses user namespaces to programs without a profile (kernel.apparmor_restrict_unprivileged_userns). */
  apparmor: string | undefined;
  /** Users can ask logind for linger of their own. */
  polkit: string | undefined;
}

function whyNoPolkit(root: string): string | undefined {
  if (existsSync(join(root, POLKIT_SERVICE))) return undefined;
  return 'polkit is not installed, so logind lets no user turn on linger: `apt-get install polkitd`';
}

function whyNoAppArmor(): string | undefined {
  const file = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
  const value = readSetting(file);
  if (value === undefined) return `AppArmor does not restrict user namespaces here: ${file} is absent`;
  if (value !== '1') return `AppArmor does not restrict user namespaces here: ${file} is ${value}`;
  // Older parsers know no rule for user namespaces, and a profile that does not parse keeps all others from being loaded.
  const abi = '/etc/apparmor.d/abi/4.0';
  return existsSync(abi)
    ? undefined
    : `AppArmor's parser is too old for a profile with user namespaces: ${abi} is absent`;
}

/** `contexts`: SELinux contexts by type, which are looked up where SELinux is enabled. */
export function readFeatures(root: string, contexts: ReadonlyMap<string, string>): FeatureFacts {
  const notRunning = whyNotRunning(root);
  const polkit = whyNoPolkit(root);
  if (notRunning !== undefined) {
    const why = `${notRunning}, and this can only be done on the running host`;
    return { systemd: why, selinux: why, unknownTypes: [], apparmor: why, polkit };
  }
  const selinux = whyNoSelinux();
  const types = selinux === undefined ? [...contexts] : [];
  const unknownTypes = types.filter(([, context]) => !isKnownContext(context)).map(([type]) => type);
  return { systemd: whyNoSystemd(), selinux, unknownTypes, apparmor: whyNoAppArmor(), polkit };
}

/** A one-line file of /proc or /sys; undefined when it does not exist or cannot be read. */
function readSetting(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO')) return undefined;
    throw error;
  }
}

/** A kernel setting as it is and whether it could be changed. */
export interface SettingFact {
  value: string | undefined;
  writable: boolean;
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Kernel settings by dotted name (sysctl(8)); those of another root directory are not the running kernel's business. */
export function readSettings(root: string, names: readonly string[]): Map<string, SettingFact> {
  return new Map(
    names.map((name) => {
      const file = `/proc/sys/${name.replaceAll('.', '/')}`;
      return [name, { value: readSetting(file), writable: root === '/' && isWritable(file) }];
    }),
  );
}

export interface NodeFact {
  mode: number;
  uid: number;
  isCharacterDevice: boolean;
}

/** Mode and owner of a device or directory; undefined when it does not exist. */
export function readNode(path: string): NodeFact | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && { mode: stat.mode & 0o7777, uid: stat.uid, isCharacterDevice: stat.isCharacterDevice() };
}

/** Whether udev sets the modes of devices here (udev(7)): it runs, or will at the next boot. */
export function hasUdev(): boolean {
  return existsSync('/run/udev/control');
}
