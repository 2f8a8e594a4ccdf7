/** Commands on running containers that need a cgroup: limits that hold for those who join, pausing, figures. */
import { setTimeout as sleep } from 'node:timers/promises';
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
      const joined = run('exec joined sleep 20');
      for (let tries = 0; (await tasks(container)) < 2; tries += 1) {
        expect(tries).toBeLessThan(60);
        await sleep(500);
      }
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

    it('update: other limits hold at once, and for the next start', async () => {
      await run('run -d --name changed --memory 64m --memory-swap 64m --pids-limit 20 --cpus 0.5 base sleep 600');
      const inspect = async (format: string) => (await run(`inspect --format '${format}' changed`)).stdout.trim();
      const limits = async () => {
        const leaf = `/sys/fs/cgroup$(sed s,^0::,, /proc/${await inspect('{{.State.Pid}}')}/cgroup)`;
        const files = 'memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight cpuset.cpus';
        return (await lab.guest.sh(`cd ${leaf}/.. && cat ${files}`)).trim().split('\n');
      };
      const changes = '--memory 32m --pids-limit 30 --cpu-shares 512 --cpuset-cpus 0 --memory-reservation 8m';
      expect((await run('update --memory 1g changed')).stderr).toContain('give --memory-swap, too');
      const changed = await run(`update ${changes} --memory-swap 64m changed`);
      expect(changed).toMatchObject({ status: 0, stdout: 'changed\n', stderr: '' });
      const expected = [32 * 2 ** 20, 32 * 2 ** 20, 8 * 2 ** 20, 30, '50000 100000', 20, 0].map(String);
      expect(await limits()).toEqual(expected);
      expect(await inspect('{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}')).toBe(`${32 * 2 ** 20} 30`);
      expect((await run('restart -t 0 changed')).stderr).toBe('');
      expect(await limits()).toEqual(expected);
      expect(await run('rm -f changed')).toMatchObject({ status: 0, stderr: '' });
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
