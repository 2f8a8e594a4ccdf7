/** `iso-setup status` on its way out. */
import { escapeControl, formatTable } from '../lib/text.js';
import { type HostStatus, showRanges } from '../setup/plan-status.js';
import { writeOut } from './write-out.js';

const EXIT_FAULTS = 2;

const USERS = ['USER', 'UID', 'PROVISIONED', 'LINGER', 'UIDS', 'GIDS', 'FAULTS', 'HOME'];
const ORPHANS = ['OWNER', 'WHERE', 'WHAT'];

function formatStatus({ users, faults, orphans, managedBy }: HostStatus): string {
  const rows = users.map((one) => [
    one.user,
    String(one.uid),
    one.provisioned ? 'yes' : 'no',
    one.linger ? 'on' : 'off',
    showRanges(one.uids),
    showRanges(one.gids),
    String(one.faults.length),
    one.home,
  ]);
  const told = [...new Set([...faults, ...users.flatMap((one) => one.faults)])].sort();
  const remedy = managedBy === undefined ? '; `iso-setup user --repair --dry-run` shows what puts lines right' : '';
  const owners = orphans.map(({ owner, where, what }) => [owner, where, what]);
  const parts = [
    ...(managedBy === undefined ? [] : [`ranges are managed by ${managedBy} (nsswitch.conf)`]),
    formatTable(USERS, rows),
    ...(told.length === 0 ? [] : [[`faults${remedy}`, ...told.map((fault) => `  ${escapeControl(fault)}`)].join('\n')]),
    ...(owners.length === 0 ? [] : [`orphans, whose ids are given to nobody\n${formatTable(ORPHANS, owners)}`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

export async function showStatus(
  name: string | undefined,
  options: { json?: boolean; check?: boolean },
): Promise<void> {
  const { readStatus } = await import('../setup/read-status.js');
  const status = await readStatus(name);
  writeOut(options.json ? `${JSON.stringify(status)}\n` : formatStatus(status));
  const isSound =
    status.faults.length + status.orphans.length === 0 && status.users.every(({ faults }) => faults.length === 0);
  if (options.check && !isSound) process.exitCode = EXIT_FAULTS;
}
