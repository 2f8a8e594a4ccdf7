import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const left = () => readdirSync(join(user.store, 'containers'));

describe('a launcher that is killed', () => {
  const killed = async (args: string[], comm: string) => {
    const script = 'echo precious > /file; echo ready; exec sleep 1000';
    // In a session the container would outlive the launcher.
    const direct = comm === 'iso-outer' ? ['--direct'] : [];
    const child = user.start(['run', ...direct, ...args, 'base', 'sh', '-c', script]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    signalOne(user, comm, 'SIGKILL');
    return new Promise((resolve) => child.on('close', resolve));
  };

  it.each([
    ['iso-monitor', 137],
    ['iso-outer', 125],
  ])('keeps what the payload wrote: %s', async (comm, status) => {
    expect(await killed(['--name', 'kept'], comm)).toBe(status);
    const [listed] = JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);
    expect(listed).toMatchObject({ name: 'kept', status: 'exited', running: false });
    const file = join(user.store, 'containers', listed.id, 'upper/file');
    expect(readFileSync(file, 'utf8')).toBe('precious\n');
    expect((await user.isoRun(['rm', 'kept'])).stdout).toBe('kept\n');
  });

  it.each(['iso-monitor', 'iso-outer'])('leaves nothing under --rm: %s', async (comm) => {
    await killed(['--rm'], comm);
    expect(left()).toEqual([]);
  });
});

describe('--rm', () => {
  it('removes a tree that is deeper than the launcher walks, and one that nobody may read', async () => {
    const script = 'i=0; while [ $i -lt 1500 ]; do mkdir d && cd d; i=$((i+1)); done; mkdir -m 000 closed';
    expect((await user.isoRun(['run', '--rm', 'base', 'sh', '-c', script])).status).toBe(0);
    expect(left()).toEqual([]);
  });
});

describe('a caller in odd circumstances', () => {
  it('refuses bytes that Node cannot hand on as they are', async () => {
    const run = [process.execPath, user.program('iso-run.js'), 'run', '--rm', 'base', 'echo'];
    const script = 'exec "$@" "$(printf "\\377")"';
    const { stderr, status } = user.run(['sh', '-c', script, 'sh', ...run]);
    expect([status, stderr]).toEqual([125, expect.stringMatching(/command holds bytes that are no UTF-8/)]);
    expect(left()).toEqual([]);
  });

  it('needs no working directory of the caller', () => {
    const run = [process.execPath, user.program('iso-run.js'), 'run', '--rm', 'base', 'pwd'];
    const script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
    expect(user.run(['sh', '-c', script, 'sh', ...run]).stdout).toBe('/\n');
  });

  it("gets mount points of the plan's mode whatever the caller's umask is", async () => {
    const script = 'umask 077; exec "$@"';
    const run = ['run', '--rm', '-u', '1000', '-v', `${user.scratch}/probe:/new/deep:ro`, 'base', 'ls', '/new/deep'];
    const argv = ['sh', '-c', script, 'sh', process.execPath, user.program('iso-run.js'), ...run];
    expect(user.run(argv).stdout).toBe('probe\n');
  });
});

describe('the directories of the toolkit', () => {
  it('stay hidden when the home is reached through a symbolic link', async () => {
    const link = join(user.scratch, 'home-link');
    symlinkSync(user.home, link);
    // It refuses an account with processes, and a session waits for more to do.
    execFileSync('pkill', ['--uid', String(user.uid), 'iso-keeper']);
    await until(() => ['iso-session', 'iso-spare'].every((comm) => pidsOf(user, comm).length === 0));
    execFileSync('usermod', ['--home', link, '--', user.name]);
    try {
      const [home, store] = [`${user.home}:/h`, `${user.home}/.local/share/containers:/h`];
      expect((await user.isoRun(['run', '--rm', '-v', store, 'base', 'true'])).stderr).toContain('volume.refused');
      const { stdout, stderr } = await user.isoRun([
        ...['run', '--rm', '-v', home, 'base', 'find', '/h/.local/share/containers'],
      ]);
      expect([stdout, stderr]).toEqual(['/h/.local/share/containers\n', '']);
    } finally {
      // It refuses an account with processes, and a session waits for more to do.
      execFileSync('pkill', ['--uid', String(user.uid), 'iso-keeper']);
      await until(() => ['iso-session', 'iso-spare'].every((comm) => pidsOf(user, comm).length === 0));
      execFileSync('usermod', ['--home', user.home, '--', user.name]);
    }
  });

  it('stay hidden when they lie elsewhere and a symbolic link leads to them', async () => {
    const [own, moved] = [join(user.home, '.config/containers'), join(user.scratch, 'moved')];
    mkdirSync(moved);
    mkdirSync(join(user.home, '.config'));
    symlinkSync(moved, own);
    const { stderr } = await user.isoRun(['run', '--rm', '-v', `${moved}:/x`, 'base', 'true']);
    expect(stderr).toContain('volume.refused');
    expect((await user.isoRun(['run', '--rm', '-v', `${user.home}:/h`, 'base', 'true'])).stderr).toBe('');
  });
});
