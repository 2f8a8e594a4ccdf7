/** Limits are in the container's cgroup, where only the kernel enforces them, and they bite. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Running, startContainer } from './running-container.js';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };
const BURN = 'base sh -c "while :; do :; done"';

const usageOf = async ({ read }: Running) => Number(/^usage_usec (\d+)/m.exec(await read('cpu.stat'))?.[1]);

/** Processors that a container used, by the guest's own clock, over some seconds. */
async function measureCpus({ guest }: Lab, container: Running): Promise<number> {
  const now = async () => Number((await guest.sh('cat /proc/uptime')).split(' ')[0]);
  const [usage, since] = [await usageOf(container), await now()];
  await sleep(6000);
  return ((await usageOf(container)) - usage) / 1e6 / ((await now()) - since);
}

/** What happened last to a container, in the words of `iso-run events`. */
async function lastEvents({ guest }: Lab): Promise<string[]> {
  const { stdout } = await guest.shell("iso-run events --no-stream --format '{{.Status}}' | tail -n 2", asAlice);
  return stdout.trim().split('\n');
}

export function limitValueTest(lab: Lab): void {
  it('limits are what the options say', async () => {
    const container = await startContainer(lab, '--memory 64m --cpus 0.5 --pids-limit 20 base sleep 600');
    const files = ['memory.max', 'memory.oom.group', 'cpu.max', 'pids.max'];
    const values = await Promise.all(files.map(container.read));
    expect(values).toEqual([`${64 * 2 ** 20}`, '1', '50000 100000', '20']);
    await container.end();
  });

  it('shares, sets of processors, swap and reservations are, too', async () => {
    const options = '--memory 64m --memory-swap 96m --memory-reservation 16m --cpu-shares 1024 --cpuset-cpus 0';
    const container = await startContainer(lab, `${options} base sleep 600`);
    const files = ['memory.swap.max', 'memory.low', 'cpu.weight', 'cpuset.cpus'];
    const values = await Promise.all(files.map(container.read));
    expect(values).toEqual([`${32 * 2 ** 20}`, `${16 * 2 ** 20}`, '39', '0']);
    await container.end();
  });
}

export function limitTests(lab: Lab): void {
  describe('limits', () => {
    limitValueTest(lab);

    it('cannot be changed from inside', async () => {
      const command =
        'for f in /sys/fs/cgroup/*.max; do echo max >$f; done; mount -o remount,rw /sys/fs/cgroup; ls /sys/fs/cgroup';
      const ended = await lab.guest.shell(`iso-run run --rm --memory 64m base sh -c '${command}'`, asAlice);
      expect(ended.stdout).not.toMatch(/memory\.max|cpu\.max|pids\.max/);
      expect(ended.stderr).toMatch(/mount: .*(denied|not permitted)/i);
    });

    it('--memory: the kernel kills the container and nothing else, and its status says so', async () => {
      const ended = await lab.guest.shell('iso-run run --rm --memory 64m base tail /dev/zero', asAlice);
      expect(ended).toMatchObject({ status: 137, stdout: '' });
      expect(await lastEvents(lab)).toEqual(['oom', 'exit']);
      const { reports, others } = await lab.complaints.afterLimit();
      expect(reports.join('\n')).toMatch(/Memory cgroup out of memory: Killed process \d+ \(tail\)/);
      expect(reports.join('\n')).not.toMatch(/Killed process \d+ \(iso-(session|monitor|keeper)\)/);
      expect(others).toEqual([]);
    });

    it('--pids-limit: a fork beyond it is refused', async () => {
      const fork = 'i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; echo not reached';
      const ended = await lab.guest.shell(`iso-run run --rm --pids-limit 20 base sh -c '${fork}'`, asAlice);
      expect(ended.stderr).toContain("can't fork");
      expect(ended.stdout).toBe('');
      expect(await lastEvents(lab)).toEqual(['pids', 'exit']);
      // A mere note of the kernel's, below what counts as a complaint.
      const kernel = await lab.guest.sh('journalctl -k -b --no-pager -o cat');
      expect(kernel).toMatch(
        /fork rejected by pids controller in \S*\/iso\.slice\/(iso-keeper\.service\/)?iso-\w+\.scope\/container$/m,
      );
    });

    itComplainsOfNothing(lab);
  });
}

/** Shares are measured over seconds, so one guest does it for all. */
export function shareTests(lab: Lab): void {
  describe('shares of a processor', () => {
    it('--cpus: a loop gets its share of a processor and no more', async () => {
      const container = await startContainer(lab, `--cpus 0.5 ${BURN}`);
      const cpus = await measureCpus(lab, container);
      const throttled = Number(/^nr_throttled (\d+)/m.exec(await container.read('cpu.stat'))?.[1]);
      await container.end();
      expect(throttled).toBeGreaterThan(10);
      expect(cpus).toBeGreaterThan(0.2);
      expect(cpus).toBeLessThan(0.6);
    });

    it('without --cpus the same loop takes all it gets', async () => {
      const container = await startContainer(lab, BURN);
      const cpus = await measureCpus(lab, container);
      await container.end();
      expect(cpus).toBeGreaterThan(0.75);
    });

    itComplainsOfNothing(lab);
  });
}
