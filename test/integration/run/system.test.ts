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

describe('system df', () => {
  const rows = async () => JSON.parse((await run('system', 'df', '--format', 'json')).stdout);
  const MIB = 2 ** 20;

  it('counts files of all ids, and what nobody uses', async () => {
    const fill = 'dd if=/dev/zero of=/f bs=1M count=2 && mkdir -m 700 /d && mv /f /d && chown -R 5:5 /d';
    await run('run', '--name', 'ended', '-v', 'kept:/v', 'base', 'sh', '-c', `${fill} && cp -a /d /v`);
    await run('run', '-d', '--name', 'living', 'base', 'sleep', '1000');
    const [images, containers, volumes] = await rows();
    expect(images).toMatchObject({ Type: 'Images', Total: 1, Active: 1, RawReclaimable: 0 });
    expect(images.RawSize).toBeGreaterThan(MIB / 2);
    expect(containers).toMatchObject({ Type: 'Containers', Total: 2, Active: 1 });
    expect(containers.RawReclaimable).toBeGreaterThanOrEqual(2 * MIB);
    expect(containers.RawReclaimable).toBeLessThan(3 * MIB);
    expect(volumes).toMatchObject({ Type: 'Local Volumes', Total: 1, Active: 1, RawReclaimable: 0 });
    expect(volumes.RawSize).toBeGreaterThanOrEqual(2 * MIB);
    expect((await run('system', 'df')).stdout).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +1 +1 /);
    expect((await run('system', 'df', '-v')).stdout).toMatch(/VOLUME NAME +LINKS +SIZE\nkept +1 +2\.\d+MB\n$/);
  });

  it('and prune takes what nobody uses, and that alone', async () => {
    await run('create', '--name', 'later', '--label', 'stays', 'base', 'true');
    const ids = async () => (await run('ps', '-a', '--format', '{{.Names}}')).stdout.trim().split('\n').sort();
    const [ended] = JSON.parse((await run('inspect', 'ended')).stdout);
    expect((await run('container', 'prune', '--filter', 'label!=stays')).stdout).toBe(`${ended.Id}\n`);
    expect(await ids()).toEqual(['ended', 'later', 'living']);
    expect((await run('container', 'prune', '-f', '--filter', 'until=10m')).stdout).toBe('');
    const all = await run('container', 'prune', '-f', '--filter', 'label!=stays');
    expect(all).toMatchObject({ status: 0, stdout: `${ended.Id}\n`, stderr: '' });
    expect(await ids()).toEqual(['later', 'living']);
    expect((await rows())[2]).toMatchObject({ Active: 0, Reclaimable: expect.stringMatching(/^2\..*MB \(100%\)$/) });
    expect((await run('volume', 'prune', '-f', '-a', '--filter', 'label=none')).stdout).toBe('');
    expect((await run('volume', 'prune', '-f', '-a')).stdout).toBe('kept\n');
  });

  it('system prune takes images with --all, and volumes with --volumes', async () => {
    await run('image', 'bootstrap', 'spare');
    await run('create', '--name', 'holder', '-v', '/anonymous', 'spare', 'true');
    expect((await run('system', 'prune')).stdout).toMatch(/^Unused Containers\n\w+\n\w+\nTotal reclaimable space: /);
    const { stdout, stderr } = await run('system', 'prune', '-f', '--all', '--volumes');
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^Deleted Containers\n\w{64}\n\w{64}\nDeleted Images\nspare:latest\nDeleted Volumes\n\w{64}\nTotal reclaimed space: .*B\n$/,
    );
    expect((await run('ps', '-a', '-q')).stdout.split('\n')).toHaveLength(2);
    expect((await run('image', 'ls', '-q')).stdout).toBe('base:latest\n');
    expect((await run('image', 'prune', '-f')).stdout).toBe('');
    await run('rm', '-f', 'living');
    expect((await run('image', 'prune', '-f', '-a')).stdout).toBe('base:latest\n');
    expect(user.stored('layers')).toEqual([]);
  });

  it('leaves a container that is being launched', async () => {
    await run('image', 'bootstrap', 'base');
    for (let round = 0; round < 3; round += 1) {
      const launched = run('run', '-d', '--name', `new-${round}`, 'base', 'sleep', '1000');
      await Promise.all([run('container', 'prune', '-f'), run('container', 'prune', '-f')]);
      expect((await launched).stderr).toBe('');
      expect((await run('ps', '--format', '{{.Names}}')).stdout).toContain(`new-${round}\n`);
    }
    await run('rm', '-f', '-a');
  });

  it.each([
    ['usage.invalid', ['container', 'prune', '--filter', 'until=soon']],
    ['usage.invalid', ['container', 'prune', '--filter', 'name=x']],
    ['usage.invalid', ['container', 'prune', '--filter', 'label=']],
    ['usage.invalid', ['system', 'df', '-v', '--format', 'json']],
    ['usage.invalid', ['system']],
  ])('gives %s for %j', async (code, args) => {
    expect(await run(...args)).toMatchObject({ status: 125, stderr: expect.stringContaining(`code: ${code}\n`) });
  });
});
