/** systemd as the manager of this host: whether it runs, and the requests that provisioning has for it. */
import { existsSync } from 'node:fs';
import { run } from './exec.js';

/** Why systemd cannot be asked here, or undefined when it can: sd_booted(3). */
export function whyNoSystemd(): string | undefined {
  return existsSync('/run/systemd/system') ? undefined : 'systemd is not running: /run/systemd/system is absent';
}

/** Makes systemd read its unit files again; limits then hold for managers that already run. @throws IsoError tool.failed */
export async function reloadUnits(): Promise<void> {
  await run('systemctl', ['daemon-reload']);
}

const LOGIND_MS = 30_000;

/** Starts a user's manager at boot and keeps it without a login; for root, or whom polkit lets. @throws IsoError tool.missing, tool.failed */
export async function enableLinger(name: string): Promise<void> {
  await run('loginctl', ['--no-ask-password', 'enable-linger', '--', name], { timeoutMs: LOGIND_MS });
}

/** Ends a user's manager, and all that it runs, when nobody is logged in. @throws IsoError tool.failed */
export async function disableLinger(name: string): Promise<void> {
  await run('loginctl', ['disable-linger', '--', name]);
}
