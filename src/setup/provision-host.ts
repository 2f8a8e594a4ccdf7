/** `iso-setup system`: facts of the host, its plan, and apply. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { whyNotRunning } from '../facts/running-host.js';
import { readPolicyModules } from '../facts/selinux-modules.js';
import { hasUdev, readFeatures, readNode, readSettings } from '../facts/setup-host.js';
import { hasErrno } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { readPolicy } from '../policy/read-policy.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { withHomes } from '../sys/home.js';
import { installed } from '../sys/install.js';
import { applyAll } from './apply.js';
import { readDeferred } from './deferred.js';
import {
  APPARMOR_FILE,
  APPARMOR_TEMPLATE,
  AUDIT_FOLDER,
  FUSE_DEVICE,
  HOST_FILES,
  hostTemplateValues,
  MODULES,
  OPTIONAL_HOST_FILES,
  type OptionalHostFile,
  PAM_FILE,
  PAM_MARK,
  ROOT_DIRECTORIES,
  SETTINGS,
} from './desired-host.js';
import type { Journal } from './journal-file.js';
import { type HostFacts, planHost } from './plan-host.js';
import type { RenderedHostFile } from './plan-host-file.js';
import type { OptionalFile, PamFacts } from './plan-optional.js';
import { type CheckedTemplate, readTemplates, render } from './read-templates.js';
import { HOST_STATE_FILE, type HostState, parseHostState } from './state.js';
import type { Plan } from './step.js';

/** A file of the host as it is now. */
export function readPresent(path: string): { content: string; mode: number } | undefined {
  const file = readPlainFile(path);
  return file && { content: file.text, mode: file.stat.mode & 0o7777 };
}

export interface HostNotes {
  state: HostState;
  hasState: boolean;
  stateFile: string;
}

export function readHostNotes(root: string): HostNotes {
  const stateFile = join(root, HOST_STATE_FILE);
  const text = existsSync(join(root, 'var/lib/iso')) ? readPlainFile(stateFile)?.text : undefined;
  return { state: parseHostState(text), hasState: text !== undefined, stateFile };
}

/** One file of the baseline, rendered. */
export function renderHostFile(
  root: string,
  templates: ReadonlyMap<string, CheckedTemplate>,
  policy: Policy,
  file: { kind: string; path: string; template: string; moment?: string },
): RenderedHostFile {
  const path = join(root, file.path);
  const values = hostTemplateValues(policy, installed('iso-{launch,keeper,session}'), file.moment);
  const content = render(templates, file.template, values);
  return { kind: file.kind, path, content, present: readPresent(path) };
}

function readModules(): HostFacts['modules'] {
  let filesystems = '';
  let release = '';
  try {
    filesystems = readFileSync('/proc/filesystems', 'utf8');
    release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  const folder = `/lib/modules/${release}`;
  const why = release === '' ? '/proc is not mounted' : `${folder} is absent: this kernel's modules are not installed`;
  return MODULES.map((name) => ({
    name,
    loaded: new RegExp(`\\t${name}$`, 'm').test(filesystems),
    why: release !== '' && existsSync(folder) ? undefined : why,
  }));
}

const noHook = (hook: string) => `users.hooks of the policy does not name ${hook}`;

/** Whether an optional file has a use here. */
function judgeNeed(root: string, file: OptionalHostFile, policy: Policy): Omit<OptionalFile, 'file'> {
  if (file.kind === 'hook') {
    const { program } = file;
    return policy.users.hooks.includes(program) ? {} : { why: noHook(program), isRefused: true };
  }
  const folder = join(root, AUDIT_FOLDER);
  if (!existsSync(folder)) return { why: `auditd is not installed: ${folder} is absent` };
  return { load: { kind: 'audit.load', args: {} }, whyNotLoaded: whyNotRunning(root) };
}

function readPam(root: string, policy: Policy): PamFacts {
  const path = join(root, PAM_FILE);
  return {
    path,
    isOn: readPlainFile(path)?.text.includes(PAM_MARK) === true,
    isWanted: policy.users.hooks.includes('login'),
    whyOff: noHook('login'),
    whyNot: whyNotRunning(root),
  };
}

async function readHostFacts(root: string, isUnfinished: boolean): Promise<HostFacts> {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const features = readFeatures(root, new Map());
  const names = [...[...HOST_FILES, ...OPTIONAL_HOST_FILES].map((file) => file.template), APPARMOR_TEMPLATE];
  const templates = await readTemplates(root, names);
  const apparmor = { kind: 'apparmor', path: APPARMOR_FILE, template: APPARMOR_TEMPLATE };
  const at = (path: string) => join(root, path);
  return {
    files: HOST_FILES.map((file) => renderHostFile(root, templates, policy, file)),
    optional: OPTIONAL_HOST_FILES.map((file) => ({
      file: { ...renderHostFile(root, templates, policy, file), mode: file.mode },
      ...judgeNeed(root, file, policy),
    })),
    pam: readPam(root, policy),
    apparmor: features.apparmor === undefined ? renderHostFile(root, templates, policy, apparmor) : undefined,
    ...readHostNotes(root),
    settings: readSettings(
      root,
      SETTINGS.map((setting) => setting.name),
    ),
    modules: readModules(),
    directories: ROOT_DIRECTORIES.map(({ path, mode }) => ({ path: at(path), mode, present: readNode(at(path)) })),
    fuse: { path: at(FUSE_DEVICE.path), present: readNode(at(FUSE_DEVICE.path)), udev: hasUdev() },
    features,
    notRunning: whyNotRunning(root),
    deferred: readDeferred(root),
    policyModules: await readPolicyModules(root),
    isUnfinished,
  };
}

/** What would be done, and why the rest need not be. @throws IsoError when no plan can be made */
export async function planBaseline(root: string, isUnfinished = false): Promise<Plan> {
  return { subject: 'host', items: planHost(await readHostFacts(root, isUnfinished)) };
}

/** Plans the baseline of a host and applies it. Needs the lock of set-up. @throws IsoError when no plan can be made */
export async function setUpHost(options: { root: string; journal: Journal; isUnfinished: boolean }): Promise<Plan> {
  const { root, journal, isUnfinished } = options;
  const plan = await planBaseline(root, isUnfinished);
  await withHomes((homes) => applyAll([{ plan, user: undefined }], { root, homes, journal, command: 'system' }));
  return plan;
}
