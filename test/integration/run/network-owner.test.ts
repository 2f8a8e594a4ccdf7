/** Whose a container's network namespace is, by what its root can change there. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { USER_SPOOL } from '../../../src/trail/record-event.js';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const CHANGE = 'ip link set lo mtu 1400; cat /sys/class/net/lo/mtu';
const OWN = ['--cap-add', 'NET_ADMIN', '--network-owner', 'container'];

/** As on a host with this policy, which this process alone sees. */
function underPolicy(text: string, args: readonly string[]) {
  const place = join('/var/tmp', `iso-policy-${user.uid}`);
  const script = [
    'mount -t tmpfs none "$0" && mkdir -p "$0/upper/iso" "$0/work" && printf %s "$1" >"$0/upper/iso/policy.toml"',
    'mount -t overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" none /etc && shift',
    'uid=$1 && shift && exec setpriv --reuid "$uid" --regid "$uid" --init-groups -- "$@"',
  ].join(' && ');
  mkdirSync(place, { recursive: true });
  const argv = [String(user.uid), 'env', `HOME=${user.home}`, process.execPath, user.program('iso-run.js'), ...args];
  const command = ['--mount', '--propagation', 'private', 'sh', '-c', script, place, text, ...argv];
  const { status, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', cwd: '/', timeout: 60_000 });
  rmdirSync(place);
  return `${status}: ${stdout}${stderr}`;
}

it('is the session’s, whatever capabilities root of the container has', async () => {
  const { stdout, stderr } = await user.isoRun(['run', '--rm', '--cap-add', 'ALL', 'base', 'sh', '-c', CHANGE]);
  expect(stdout + stderr).toMatch(/^65536\n.*not permitted/);
});

it('is the container’s where the policy allows it, and that is told', async () => {
  const { stderr } = await user.isoRun(['run', '--rm', ...OWN, 'base', 'true']);
  expect(stderr).toMatch(/policy keeps[\s\S]*run\.network_owner[\s\S]*code: permission\.denied/);
  const policy = '[run]\nnetwork_owner = "container"\n';
  const run = (...args: string[]) => underPolicy(policy, ['run', '--rm', '--direct', ...args]);
  expect(run(...OWN, 'base', 'sh', '-c', CHANGE)).toBe('0: 1400\n');
  // Not without the capability, and by default as ever.
  expect(run('--network-owner', 'container', 'base', 'sh', '-c', CHANGE)).toMatch(/65536\n.*not permitted/);
  expect(run('--cap-add', 'NET_ADMIN', 'base', 'sh', '-c', CHANGE)).toMatch(/65536\n.*not permitted/);
  const settings = ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=80'];
  const script = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /sys/class/net';
  expect(run(...OWN, ...settings, 'base', 'sh', '-c', script)).toBe('0: 80\nlo\n');
  expect(readFileSync(join(user.home, USER_SPOOL), 'utf8')).toContain('owns its network namespace');
});
