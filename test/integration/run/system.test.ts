/** What iso-run says of the host and of what containers take. */
import { existsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
}, 60_000);
afterAll(() => user?.remove());

const run = (...args: string[]) => user.isoRun(args);

describe('system info', () => {
  const info = async () => JSON.parse((await run('system', 'info', '--json')).stdout);

  it('tells the state of the host, and what a launch and a logout mean in it', async () => {
    const { host, store, version } = await info();
    // A throw-away user has no manager, be there systemd or not.
    expect(host.hostState).toBe(existsSync('/run/systemd/system') ? 'systemd-without-manager' : 'no-systemd');
    expect(host.session).toMatchObject({ running: false, keeper: 0, lingering: false });
    expect(host.session.launch).toContain('a process of the login');
    expect(host.session.logout).toMatch(/^containers (go on|end)/);
    expect([host.cgroupManager, host.cgroupControllers]).toEqual(['none', []]);
    expect(host.cgroupReason).not.toBe('');
    expect(host.idMappings.uidmap).toEqual([
      { containerId: 0, hostId: user.uid, size: 1 },
      { containerId: 1, hostId: user.firstSubid, size: 65_536 },
    ]);
    expect([host.kernel, version.node]).toEqual([release(), process.version]);
    expect(store).toMatchObject({ containerStore: { number: 0 }, imageStore: { number: 1 }, graphRoot: user.store });
    expect(Object.keys(store.graphDrivers)).toEqual(['fuseOverlayfs', 'overlay']);
  });

  it('knows the session and the containers that run', async () => {
    await run('run', '-d', '--name', 'one', 'base', 'sleep', '1000');
    const { host, store } = await info();
    expect(host.session.running).toBe(true);
    expect(statSync(host.session.socket)).toMatchObject({ uid: user.uid });
    expect(store.containerStore).toEqual({ number: 1, paused: 0, running: 1, stopped: 0 });
    const [shown] = JSON.parse((await run('inspect', 'one')).stdout);
    expect(shown.Driver).toBe(store.graphDriverName);
    await run('rm', '-f', 'one');
  });

  it('prints a tree, or what a template says', async () => {
    const { stdout } = await run('system', 'info');
    expect(stdout).toMatch(/^host:\n {2}arch: \S+\n/);
    const shown = await run('system', 'info', '--format', '{{.Host.Os}} {{.Store.ImageStore.Number}}');
    expect(shown).toMatchObject({ status: 0, stdout: 'linux 1\n', stderr: '' });
    expect((await run('system', 'info', '--format', '{{.Host.Nothing}}')).status).toBe(125);
  });
});
