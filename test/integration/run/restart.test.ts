/** Containers whose payload is started again when it has ended. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
}, 60_000);
afterAll(() => user?.remove());
afterEach(async () => {
  await run('rm', '-f', '-a');
  await until(() => pidsOf(user, 'iso-monitor').length <= 1);
  expect(readdirSync(join(user.store, 'containers'))).toEqual([]);
});

const run = (...args: string[]) => user.isoRun(args);
const state = async () => {
  const [shown] = JSON.parse((await run('inspect', 'one')).stdout);
  return { ...shown.State, count: shown.RestartCount, policy: shown.HostConfig.RestartPolicy };
};
const log = async () => (await run('logs', 'one')).stdout;
const start = (policy: string, script: string, ...options: string[]) =>
  run('run', '-d', '--name', 'one', '--restart', policy, ...options, 'base', 'sh', '-c', script);
const times = (text: string, word: string) => text.split(word).length - 1;

describe.each([
  ['in a session', []],
  ['without one', ['--direct']],
  ['with a terminal', ['-t']],
  ['through fuse-overlayfs', ['--storage-driver', 'fuse-overlayfs']],
])('a payload, %s,', (_, options) => {
  it('is started again as often as was asked for, in the files that it left', async () => {
    const count = 'echo x >>/count; echo run $(wc -l </count) $$; ls /proc | grep -c "^[0-9]"; exit 4';
    expect((await start('on-failure:2', count, ...options)).stderr).toBe('');
    await until(async () => times(await log(), 'run') === 3);
    await until(() => pidsOf(user, 'iso-monitor').length <= 1);
    expect(await state()).toMatchObject({
      Status: 'exited',
      ExitCode: 4,
      count: 2,
      policy: { Name: 'on-failure', MaximumRetryCount: 2 },
    });
    expect((await log()).replaceAll('\r', '')).toMatch(/^run 1 1\n\d\nrun 2 1\n\d\nrun 3 1\n\d\n$/);
    const seen = await run('events', '--no-stream', '--filter', 'container=one', '--format', '{{.Status}}');
    expect(seen.stdout).toMatch(/(start\nexit\n){3}$/);
  });
});

describe('the policy', () => {
  it('on-failure leaves what ends well', async () => {
    await start('on-failure', 'echo ran');
    await sleep(1000);
    expect([await state(), await log()]).toMatchObject([{ Status: 'exited', ExitCode: 0, count: 0 }, 'ran\n']);
  });

  it('always starts what ends well, with a pause that grows, and can be joined in between', async () => {
    await start('always', 'echo ran; sleep 0.2');
    await until(async () => times(await log(), 'ran') === 4);
    const lines = readFileSync(
      join(user.store, 'containers', readdirSync(join(user.store, 'containers'))[0] ?? '', 'ctr.log'),
      'utf8',
    );
    const at = lines
      .trim()
      .split('\n')
      .map((line) => Date.parse(`${line.slice(0, 23)}Z`));
    const [first = 0, second = 0, third = 0] = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    expect((await run('stop', '-t', '0', 'one')).stderr).toBe('');
  });

  it('holds for one that was created and is started', async () => {
    await run('create', '--name', 'one', '--restart', 'always', 'base', 'sh', '-c', 'echo ran; sleep 0.1');
    expect((await run('start', 'one')).stderr).toBe('');
    await until(async () => times(await log(), 'ran') >= 2);
  });

  it.each(['no:1', 'always:1', 'sometimes', 'on-failure:', 'on-failure:-1', 'on-failure:x', ''])(
    'is not %j',
    async (policy) => {
      expect((await start(policy, 'true')).stderr).toContain('code: usage.invalid');
    },
  );

  it('goes with no container that goes at its end', async () => {
    expect((await start('always', 'true', '--rm')).stderr).toContain('cannot run again');
  });
});

describe('a container that would go on', () => {
  const FOR_EVER = 'echo ran; exec sleep 1000';
  const stays = async () => {
    const ran = times(await log(), 'ran');
    await sleep(1500);
    expect((await state()).Status).toBe('exited');
    expect(times(await log(), 'ran')).toBe(ran);
    expect(pidsOf(user, 'sleep')).toEqual([]);
  };

  it('does when its payload is killed, and not when it is stopped', async () => {
    await start('always', FOR_EVER);
    await until(async () => times(await log(), 'ran') === 1);
    signalOne(user, 'sleep', 'SIGKILL');
    await until(async () => times(await log(), 'ran') === 2 && pidsOf(user, 'sleep').length === 1);
    expect(await state()).toMatchObject({ Status: 'running', count: 1 });
    expect((await run('exec', 'one', 'echo', 'joined')).stdout).toBe('joined\n');
    expect((await run('stop', '-t', '0', 'one')).stderr).toBe('');
    await stays();
  });

  it.each([
    ['kill', ['kill', 'one']],
    ['kill by SIGTERM', ['kill', '-s', 'TERM', 'one']],
  ])('ends by %s', async (_, command) => {
    await start('always', FOR_EVER, '--init');
    await until(() => pidsOf(user, 'sleep').length === 1);
    await run(...command);
    await stays();
  });

  it('ends while it waits, by stop and by rm, and start begins anew', async () => {
    await start('always', 'echo ran; false');
    await until(async () => times(await log(), 'ran') === 5);
    expect((await run('stop', 'one')).stderr).toBe('');
    await stays();
    expect((await run('start', 'one')).stderr).toBe('');
    const ran = times(await log(), 'ran');
    await until(async () => times(await log(), 'ran') > ran + 3);
    expect((await run('start', 'one')).stderr).toBe('');
    await until(async () => times(await log(), 'ran') > ran + 5);
    expect((await run('rm', '-f', 'one')).stderr).toBe('');
    await sleep(1500);
    expect(readdirSync(join(user.store, 'containers'))).toEqual([]);
    expect(existsSync(join(user.store, 'names', 'one'))).toBe(false);
  });

  it('ends with one whose command is gone', async () => {
    await start('always', 'echo ran; rm /bin/sh');
    await until(() => pidsOf(user, 'iso-monitor').length <= 1);
    expect(await state()).toMatchObject({ Status: 'exited', ExitCode: 0, count: 0 });
  });
});
