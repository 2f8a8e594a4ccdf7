/** Commands in a container in which one of the same shape was run before: joined by the front alone, without Node. */
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
const plans = () => join(user.home, '.local/share/containers/run/plans');

/** Node needs gigabytes of addresses and cannot start in these. */
const WITHOUT_NODE = ['prlimit', '--as=268435456', '--'];
const any = (args: readonly string[], input = '') => user.run([front, 'exec', ...args], { input });
const warm = (args: readonly string[], input = '') => user.run([...WITHOUT_NODE, front, 'exec', ...args], { input });

async function start(name: string): Promise<void> {
  user.start(['run', '--name', name, '-e', 'FROM=run', '-w', '/tmp', 'base', 'sleep', '1000'], 'ignore');
  await until(async () => (await user.isoRun(['ps'])).stdout.includes(` ${name}\n`));
  // What changed a moment ago could change again unseen, so nothing is kept until the clock has gone on.
  await sleep(2100);
}

beforeAll(async () => {
  user = await makeRunUser();
  front = join(user.scratch, 'dist', 'iso-run');
  symlinkSync('iso-front', front);
  await start('main');
}, 60_000);
afterAll(() => user?.remove());

describe('a command in a container where one was run before', () => {
  it('needs no Node, which the first one does', () => {
    rmSync(plans(), { recursive: true, force: true });
    expect(warm(['main', 'true']).status).not.toBe(0);
    expect(any(['main', 'true']).status).toBe(0);
    const script = 'echo out $FROM $PWD; echo err >&2; exit 7';
    expect(warm(['main', 'sh', '-c', script])).toMatchObject({ status: 7, stdout: 'out run /tmp\n', stderr: 'err\n' });
    expect(any(['-i', 'main', 'cat'], 'one').stdout).toBe('one');
    expect(warm(['--interactive', 'main', 'cat'], 'two').stdout).toBe('two');
    expect(readdirSync(plans())).toHaveLength(2);
  });

  it('is as confined as the first', () => {
    const show =
      'grep -E "Cap|NoNew|Seccomp|Uid|Groups" /proc/self/status; cat /proc/self/uid_map; ls /proc/self/fd | wc -l';
    const [cold, again] = [any(['--direct', 'main', 'sh', '-c', show]), warm(['main', 'sh', '-c', show])];
    expect([again.status, again.stdout]).toEqual([0, cold.stdout]);
  });

  it('fails with the words of the first, and the container goes on', () => {
    for (const args of [
      ['main', '/no/such'],
      ['main', 'nosuch'],
      ['main', '/etc/passwd'],
    ]) {
      rmSync(plans(), { recursive: true, force: true });
      const [cold, again] = [any(args), any(args)];
      expect(cold.stderr).toMatch(/code: run\./);
      expect([again.status, again.stderr]).toEqual([cold.status, cold.stderr]);
    }
    expect(any(['main', 'true']).status).toBe(0);
  });
});

describe('a plan is not used', () => {
  it('for a container that was renamed, or ended and made anew under its name', async () => {
    expect([any(['main', 'true']).status, warm(['main', 'true']).status]).toEqual([0, 0]);
    await user.isoRun(['rename', 'main', 'other']);
    expect(any(['main', 'true']).stderr).toContain('code: container.missing');
    await sleep(2100);
    expect([any(['other', 'true']).status, warm(['other', 'true']).status]).toEqual([0, 0]);
    await user.isoRun(['stop', '-t', '0', 'other']);
    expect(any(['other', 'true']).stderr).toContain('code: container.state');
    await user.isoRun(['rm', 'other']);
    await start('other');
    expect(warm(['other', 'true']).status).not.toBe(0);
    expect([any(['other', 'true']).status, warm(['other', 'true']).status]).toEqual([0, 0]);
  }, 60_000);

  it('by the beginning of an id, which another container may come to have', async () => {
    const [id = ''] = (await user.isoRun(['ps', '-q', '--no-trunc'])).stdout.trim().split('\n');
    expect([any([id.slice(0, 8), 'true']).status, any([id, 'true']).status]).toEqual([0, 0]);
    expect(warm([id.slice(0, 8), 'true']).status).not.toBe(0);
    expect(warm([id, 'true']).status).toBe(0);
  });
});
