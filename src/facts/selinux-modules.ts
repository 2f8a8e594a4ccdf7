/** The toolkit's modules of the SELinux policy: those that the package ships, and those that the host's policy holds. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { installed } from '../sys/install.js';
import { listPolicyModules, SEMODULE } from '../sys/selinux.js';
import { whyNotRunning } from './running-host.js';

/**
 * Below the distribution's 100 the stand-in gives way to a module of its name; above it, at what semodule(8) leaves to
 * packages, ours cannot be shadowed by accident.
 */
const MODULES = [
  { name: 'container', priority: 50 },
  { name: 'iso_toolkit', priority: 200 },
] as const;

export interface PolicyModule {
  name: string;
  priority: number;
  file: string;
  digest: string;
  /** Digest of what the policy holds under this name and priority; undefined when nothing. */
  present: string | undefined;
}

/** Why no module can be installed, or the modules. */
export type PolicyModuleFacts = { why: string } | { why?: undefined; modules: PolicyModule[] };

const CONFIG = '/etc/selinux/config';

/** Why this host has no policy that modules could go to; SELinux need not be switched on for that. */
function whyNoPolicy(): string | undefined {
  if (!existsSync(SEMODULE)) return 'no SELinux policy is managed here: semodule is not installed';
  const config = existsSync(CONFIG) ? readFileSync(CONFIG, 'utf8') : '';
  const name = /^SELINUXTYPE=([\w.-]+)\s*$/m.exec(config)?.[1];
  if (name === undefined) return `no SELinux policy is chosen: ${CONFIG} names none`;
  const store = `/var/lib/selinux/${name}/active/modules`;
  return existsSync(store) ? undefined : `no SELinux policy is installed: ${store} is absent`;
}

/** Lines of `semodule --list-modules=full --checksum`: priority, name, language, digest of the module as CIL. */
export function parseModuleList(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, priority, name, digest] = /^(\d{3}) (\S+) .*\bsha256:([0-9a-f]{64})\s*$/.exec(line) ?? [];
    if (priority && name && digest) found.set(`${Number(priority)} ${name}`, digest);
  }
  return found;
}

/** @throws IsoError tool.failed when the policy's store cannot be read */
export async function readPolicyModules(root: string): Promise<PolicyModuleFacts> {
  const why = whyNotRunning(root) ?? whyNoPolicy();
  if (why !== undefined) return { why };
  const present = parseModuleList(await listPolicyModules());
  const modules = MODULES.map(({ name, priority }) => {
    const file = installed(`templates/selinux/${name}.cil`);
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
    return { name, priority, file, digest, present: present.get(`${priority} ${name}`) };
  });
  return { modules };
}
