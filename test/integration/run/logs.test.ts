/** What containers that live by themselves have written: `logs`; and their next life: `restart`. */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const containers = () => join(user.store, 'containers');
const file = (name = 'ctr.log') => join(containers(), readdirSync(containers())[0] ?? '', name);
const logged = () => readFileSync(file(), 'utf8');
const logs = (...args: string[]) => user.isoRun(['logs', ...args, 'one']);
const listed = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);
const ended = () => until(async () => (await listed())[0]?.running === false);
async function run(script: string, ...options: string[]): Promise<void> {
  const args = ['run', '-d', '--name', 'one', ...options, 'base', 'sh', '-c', script];
  expect(await user.isoRun(args)).toMatchObject({ status: 0, stderr: '' });
}

afterEach(async () => {
  if ((await listed()).length > 0) await user.isoRun(['rm', '-f', 'one']);
  await until(() => pidsOf(user, 'iso-monitor').length === 0);
  expect(existsSync(containers()) ? readdirSync(containers()) : []).toEqual([]);
});

describe('logs', () => {
  it('keeps the streams apart, joins parts of lines, and shows bytes as they were written', async () => {
    await run('printf one; echo err >&2; sleep 0.3; echo two; printf "\\377\\033[31m\\n"; printf end');
    await ended();
    const { status, stdout, stderr } = await logs();
    // The bytes of a child's output are text of UTF-8 here.
    expect([status, stdout, stderr]).toEqual([0, 'onetwo\n\ufffd\u001b[31m\nend', 'err\n']);
    const raw = user.run([process.execPath, user.program('iso-run.js'), 'logs', 'one']);
    expect(raw.stdout).toBe(stdout);
  });

  it('shows the last lines, those of a time, and times', async () => {
    await run('for i in 1 2 3 4 5; do echo $i; done; sleep 1.2; echo late');
    await ended();
    expect((await logs('--tail', '2')).stdout).toBe('5\nlate\n');
    expect((await logs('--tail', '0')).stdout).toBe('');
    expect((await logs('--tail', 'all')).stdout).toBe('1\n2\n3\n4\n5\nlate\n');
    const times = (await logs('-t')).stdout.trimEnd().split('\n');
    expect(times).toHaveLength(6);
    for (const line of times) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z \w+$/);
    const [first = '', last = ''] = [times[0]?.split(' ')[0], times[5]?.split(' ')[0]];
    expect((await logs('--since', last)).stdout).toBe('late\n');
    expect((await logs('--until', new Date(Date.parse(first) + 600).toISOString())).stdout).toBe('1\n2\n3\n4\n5\n');
    expect((await logs('--since', '1h')).stdout).toContain('late');
    expect((await logs('--until', '1h')).stdout).toBe('');
  });

  it('goes on with -f until the container ends, across rotations, with every line once', async () => {
    const script = 'i=0; while [ $i -lt 4000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 500)) = 0 ] && sleep 0.1; done';
    await run(script, '--log-opt', 'max-size=32k', '--log-opt', 'max-file=20');
    const { status, stdout } = await logs('-f');
    expect(status).toBe(0);
    expect(stdout).toBe(Array.from({ length: 4000 }, (_, index) => `line ${index}\n`).join(''));
    expect(existsSync(file('ctr.log.3'))).toBe(true);
    expect((await logs()).stdout).toBe(stdout);
    expect((await logs('--tail', '3000')).stdout).toBe(stdout.split('\n').slice(1000).join('\n'));
  });

  it('ends with -f when the container is removed, and when its monitor was killed', async () => {
    await run('while :; do echo tick; sleep 0.05; done');
    const removed = logs('-f');
    await until(() => logged().includes('tick'));
    await user.isoRun(['rm', '-f', 'one']);
    expect(await removed).toMatchObject({ status: 0, stdout: expect.stringContaining('tick') });
    await run('while :; do echo tick; sleep 0.05; done');
    const killed = logs('-f');
    await until(() => logged().includes('tick'));
    signalOne(user, 'iso-monitor', 'SIGKILL');
    expect(await killed).toMatchObject({ status: 0, stdout: expect.stringContaining('tick') });
  });

  it('goes over what is no record', async () => {
    await run('echo whole; exec sleep 1000');
    await until(() => logged().includes('whole'));
    appendFileSync(file(), '2026-01-01T00:00:00.000\ntorn\n');
    writeFileSync(file('ctr.log.1'), `${'x'.repeat(300_000)}\n2026-01-01T00:00:00.000000000Z stdout F before\n`);
    expect((await logs()).stdout).toBe('before\nwhole\n');
  });

  it('has nothing of a container that was never started, and says when there is no log', async () => {
    await user.isoRun(['create', '--name', 'one', 'base', 'true']);
    expect(await logs()).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await user.isoRun(['rm', 'one']);
    await run('exec sleep 1000', '--log-driver', 'none');
    expect(await logs()).toMatchObject({ status: 125, stderr: expect.stringContaining('code: container.no-log') });
  });

  it.each([
    ['--tail', 'x'],
    ['--since', 'yesterday'],
    ['--until', '2026-13-01'],
  ])('takes no %s %s', async (option, value) => {
    await user.isoRun(['create', '--name', 'one', 'base', 'true']);
    expect((await logs(option, value)).stderr).toContain('code: usage.invalid');
  });
});

describe('a full disk', () => {
  it('holds no payload up: what was lost is counted in the log', async () => {
    // A bound on the size of files is the nearest to a full disk that can be made here; the monitor has it of its caller.
    const lines = 'i=0; while [ $i -lt 3000 ]; do echo "a line of some length $i"; i=$((i+1)); done';
    const script = `${lines}; touch /done; sleep 3; echo after; exec sleep 1000`;
    const command = [user.program('iso-run.js'), 'run', '-d', '--name', 'one', 'base', 'sh', '-c', script];
    expect(user.run(['prlimit', '--fsize=40000:unlimited', '--', process.execPath, ...command]).status).toBe(0);
    await until(() => existsSync(file('upper/done')));
    expect(logged().length).toBeLessThanOrEqual(40_000);
    for (const line of logged().trimEnd().split('\n'))
      expect(line).toMatch(/^\S+Z std(out [FP] [a-z0-9 ]*|err F iso-run: .*)$/);
    const [monitor] = pidsOf(user, 'iso-monitor');
    expect(user.run(['prlimit', '--fsize=unlimited:unlimited', '--pid', String(monitor)]).stderr).toBe('');
    await until(() => logged().includes('after'));
    // A record may still have had room where a longer one had none, so it can be told more than once.
    const shown = await logs();
    const lost = [...shown.stderr.matchAll(/iso-run: (\d+) bytes of output were lost here: /g)].map((match) =>
      Number(match[1]),
    );
    const written = Array.from({ length: 3000 }, (_, index) => `a line of some length ${index}\n`).join('').length;
    expect(lost.length).toBeGreaterThan(0);
    expect(shown.stdout.length - 'after\n'.length + lost.reduce((sum, bytes) => sum + bytes, 0)).toBe(written);
    expect(shown.stderr).toContain('File too large');
  });
});

describe('restart', () => {
  it('ends what runs and launches it, what ended too', async () => {
    await run('trap "exit 0" TERM; echo begun; while :; do sleep 0.05; done');
    const [before] = await listed();
    await until(() => logged().includes('begun'));
    expect(await user.isoRun(['restart', 'one'])).toMatchObject({ status: 0, stdout: 'one\n', stderr: '' });
    const [after] = await listed();
    expect(after).toMatchObject({ id: before?.id, running: true });
    expect(after?.pid).not.toBe(before?.pid);
    await until(() => logged().match(/begun/g)?.length === 2);
    await user.isoRun(['stop', 'one']);
    await user.isoRun(['rename', 'one', 'other']);
    expect(await user.isoRun(['restart', 'other'])).toMatchObject({ status: 0, stdout: 'other\n' });
    expect(await listed()).toMatchObject([{ name: 'other', running: true }]);
    await user.isoRun(['rename', 'other', 'one']);
  });

  it('leaves what would be removed', async () => {
    await run('exec sleep 1000', '--rm');
    expect((await user.isoRun(['restart', '-t', '0', 'one'])).stderr).toMatch(/cannot restart one\n.*--rm/);
    expect(await listed()).toMatchObject([{ running: true }]);
  });
});
