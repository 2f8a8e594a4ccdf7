/** The baseline of a host: kernel settings, modules, unit files, directories, devices. The one declaration. Pure. */
import type { Policy } from '../policy/policy.js';

/** A kernel setting; `accepts` lists the values that are as good, so that a stricter one is never weakened. */
export interface Setting {
  name: string;
  value: string;
  accepts: readonly string[];
  why: string;
}

export const SETTINGS: readonly Setting[] = [
  {
    name: 'kernel.unprivileged_userns_clone',
    value: '1',
    accepts: ['1'],
    why: "Containers without privilege need user namespaces; only kernels with Debian's old patch have this.",
  },
  {
    name: 'kernel.unprivileged_bpf_disabled',
    value: '2',
    accepts: ['1', '2'],
    why: 'Users need not load BPF programs into the kernel that all containers share.',
  },
  {
    name: 'kernel.dmesg_restrict',
    value: '1',
    accepts: ['1'],
    why: "The kernel log names addresses and devices, and a container would read the host's.",
  },
  {
    name: 'kernel.kptr_restrict',
    value: '1',
    accepts: ['1', '2'],
    why: 'Kernel addresses in /proc take the guess out of an attack.',
  },
  { name: 'kernel.randomize_va_space', value: '2', accepts: ['2'], why: 'Address spaces are fully randomised.' },
  {
    name: 'fs.protected_hardlinks',
    value: '1',
    accepts: ['1'],
    why: 'Links, FIFOs and files that one user plants in a shared directory are no traps for others.',
  },
  { name: 'fs.protected_symlinks', value: '1', accepts: ['1'], why: 'As above.' },
  { name: 'fs.protected_fifos', value: '1', accepts: ['1', '2'], why: 'As above.' },
  { name: 'fs.protected_regular', value: '2', accepts: ['1', '2'], why: 'As above.' },
];

export const MODULES = ['fuse', 'overlay'] as const;

export const ROOT_DIRECTORIES = [
  { path: 'var/log/iso', mode: 0o750 },
  { path: 'var/lib/iso', mode: 0o700 },
] as const;

/** What udev's own rules give /dev/fuse: everybody may ask the kernel for a FUSE mount in a namespace of their own. */
export const FUSE_DEVICE = { path: 'dev/fuse', mode: 0o666 } as const;

export const DELEGATION_FILE = 'etc/systemd/system/user@.service.d/50-iso-toolkit.conf';
export const sliceFile = (uid: number) => `etc/systemd/system/user-${uid}.slice.d/50-iso-toolkit.conf`;
export const APPARMOR_FILE = 'etc/apparmor.d/iso-launch';

/** Files of the baseline, below the root directory, and their templates. */
export const HOST_FILES = [
  { kind: 'sysctl', path: 'etc/sysctl.d/60-iso-toolkit.conf', template: 'system/sysctl.conf.hbs' },
  { kind: 'modules', path: 'etc/modules-load.d/iso-toolkit.conf', template: 'system/modules-load.conf.hbs' },
  { kind: 'delegation', path: DELEGATION_FILE, template: 'system/delegation.conf.hbs' },
] as const;

/** A script that useradd(8) or userdel(8) runs at a moment which a directory of shadow's is named for. */
const accountHook = <P extends 'useradd' | 'userdel'>(program: P, moment: `${P}-${'pre' | 'post'}`) => ({
  kind: 'hook' as const,
  path: `etc/shadow-maint/${moment}.d/50-iso-toolkit`,
  template: 'system/account-hook.hbs',
  mode: 0o755,
  program,
  moment,
});

/** Files that are there only where the host has what reads them, or the policy asks for them. */
export const OPTIONAL_HOST_FILES = [
  {
    kind: 'audit' as const,
    path: 'etc/audit/rules.d/60-iso-toolkit.rules',
    template: 'kernel/iso-toolkit.rules',
    mode: 0o640,
  },
  accountHook('useradd', 'useradd-post'),
  // Before, what will be gone is noted; after, the rest is taken back, since userdel may yet refuse.
  accountHook('userdel', 'userdel-pre'),
  accountHook('userdel', 'userdel-post'),
];
export type OptionalHostFile = (typeof OPTIONAL_HOST_FILES)[number];

/** auditd's own directory: where it is, augenrules(8) makes the kernel's rules of what lies in it. */
export const AUDIT_FOLDER = 'etc/audit/rules.d';

/** Where pam-auth-update(8) puts the line that sets users up at their login, and by what it is known there. */
export const PAM_FILE = 'etc/pam.d/common-session';
export const PAM_MARK = '/usr/lib/iso-toolkit/user-hook';
export const PAM_PROFILE = 'iso-toolkit';

export const SLICE_TEMPLATE = 'system/slice.conf.hbs';
export const APPARMOR_TEMPLATE = 'system/apparmor.hbs';

/** What host templates may name; `moment` is that of an account hook. */
export function hostTemplateValues(policy: Policy, launcher: string, moment = ''): object {
  return { settings: SETTINGS, modules: MODULES, controllers: policy.delegation.controllers, launcher, moment };
}

/** What the slice template may name; undefined when the policy sets no ceiling. */
export function sliceTemplateValues(user: { name: string; uid: number }, slice: Policy['slice']): object | undefined {
  if (slice.memory === '' && slice.cpus === 0 && slice.pids === 0) return undefined;
  // systemd reads K, M, G, T with binary factors, as the policy means them, but no "GiB" and no space.
  const memory = slice.memory.replace(/\s|i?b$/gi, '').toUpperCase();
  return { user, memory, cpus: Math.round(slice.cpus * 100), pids: slice.pids };
}
