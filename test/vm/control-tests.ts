/** Commands on running containers that need a cgroup: limits that hold for those who join, pausing, figures. */
import { describe, expect, it } from 'vitest';
import { type Running, startContainer } from './running-container.js';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };

const tasks = async ({ read }: Running) => (await read('payload/cgroup.procs')).split('\n').filter(Boolean).length;

export function controlTests(lab: Lab): void {
  const run = (words: string) => lab.guest.shell(`iso-run ${words}`, asAlice);

  describe('commands on a running container', () => {
    it('exec: what joins is in its cgroup, and its limits count it', async () => {
      const container = await startContainer(lab, '--name joined --pids-limit 20 --memory 64m base sleep 600');
      const within = await run("exec joined sh -c 'cat /proc/self/cgroup; cat /proc/1/cgroup'");
      const [own, first] = within.stdout.trim().split('\n');
      expect([within.stderr, own]).toEqual(['', first]);
      const joined = run('exec joined sleep 5');
      for (let tries = 0; (await tasks(container)) < 2; tries += 1) expect(tries).toBeLessThan(50);
      expect((await joined).status).toBe(0);
      const fork = 'i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; echo not reached';
      const forked = await run(`exec joined sh -c '${fork}'`);
      expect([forked.stdout, forked.stderr]).toEqual(['', expect.stringContaining("can't fork")]);
      await container.end();
    });

    it('pause: what runs stands still, and nothing joins until it goes on', async () => {
      const container = await startContainer(lab, '--name still base sleep 600');
      expect(await run('pause still')).toMatchObject({ status: 0, stdout: 'still\n' });
      expect(await container.read('payload/cgroup.events')).toMatch(/^frozen 1$/m);
      expect((await run("ps --filter status=paused --format '{{.Names}} {{.State}}'")).stdout).toBe('still paused\n');
      expect((await run('exec still true')).stderr).toMatch(/it is paused\n.*unpause still/);
      expect((await run('pause still')).stderr).toContain('it is paused already');
      expect(await run('unpause still')).toMatchObject({ status: 0, stdout: 'still\n' });
      expect((await run('exec still true')).status).toBe(0);
      expect((await run('pause still')).status).toBe(0);
      expect(await run('rm -f still')).toMatchObject({ status: 0, stdout: 'still\n', stderr: '' });
    });

    it('stats: figures are those of its cgroup', async () => {
      const container = await startContainer(lab, '--name counted --memory 64m base sleep 600');
      const { stdout, stderr } = await run('stats --no-stream --json counted');
      const [row] = JSON.parse(stdout);
      expect([stderr, row.Name, row.PIDS]).toEqual(['', 'counted', '1']);
      expect(row.MemUsage).toMatch(/ \/ 67\.11MB$/);
      expect(row.CPUPerc).toMatch(/^[\d.]+%$/);
      await container.end();
    });

    itComplainsOfNothing(lab);
  });
}
