/** Commands that end containers, signal them and wait for them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
}, 60_000);
afterAll(() => user?.remove());
afterEach(async () => {
  await user.isoRun(['rm', '-f', '-a']);
});

const run = (...args: string[]) => user.isoRun(args);
const running = async (name: string) => (await run('ps')).stdout.includes(` ${name}\n`);

/** Starts a container and waits for its command's first word on standard output. */
async function start(name: string, command: readonly string[], options: readonly string[] = []) {
  const child = user.start(['run', '--name', name, ...options, 'base', ...command]);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await until(() => running(name));
  return { ended, output: () => output };
}

const PATIENT = ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'];
const POLITE = ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'];

async function stateOf(name: string) {
  const listed = JSON.parse((await run('ps', '-a', '--json')).stdout) as {
    name: string;
    status: string;
    exitCode: number;
  }[];
  const found = listed.find((one) => one.name === name);
  return [found?.status, found?.exitCode];
}

describe.each([
  ['as root', []],
  ['as another user of the image', ['-u', '1000']],
])('stop, of a container that runs %s', (_, options) => {
  it('sends SIGTERM, and when it returns the records say how it ended', async () => {
    const { ended, output } = await start('polite', POLITE, options);
    await until(() => output() === 'ready\n');
    expect(await run('stop', 'polite')).toMatchObject({ status: 0, stdout: 'polite\n', stderr: '' });
    expect(await stateOf('polite')).toEqual(['exited', 3]);
    expect(await ended).toBe(3);
    expect(await run('stop', 'polite')).toMatchObject({ status: 0, stdout: 'polite\n' });
  });

  it('kills what ignores SIGTERM, after the time', async () => {
    const { ended, output } = await start('patient', PATIENT, options);
    await until(() => output() === 'ready\n');
    expect(await run('stop', '-t', '1', 'patient')).toMatchObject({ status: 0, stdout: 'patient\n' });
    expect(await stateOf('patient')).toEqual(['exited', 137]);
    expect(await ended).toBe(137);
  });
});

describe('stop', () => {
  it('ends several, chosen by the beginnings of their ids', async () => {
    const [one, two] = [await start('one', PATIENT), await start('two', PATIENT)];
    const ids = (await run('ps', '-q')).stdout.trim().split('\n');
    const { stdout } = await run('stop', '-t', '1', ...ids.map((id) => id.slice(0, 6)));
    expect(stdout.split('\n')).toHaveLength(3);
    expect([await one.ended, await two.ended]).toEqual([137, 137]);
  });

  it('takes a container away that is removed at its end', async () => {
    const { ended } = await start('passing', ['sleep', '1000'], ['--rm']);
    expect((await run('stop', '-t', '0', '-l')).status).toBe(0);
    expect(readdirSync(join(user.store, 'containers'))).toEqual([]);
    expect(await ended).toBe(137);
  });
});

describe('kill', () => {
  it('sends SIGKILL, or the signal that is given by name or number', async () => {
    const command = 'trap "echo usr1" USR1; trap "echo hup" HUP; echo ready; while :; do sleep 0.1; done';
    const { ended, output } = await start('target', ['sh', '-c', command]);
    await until(() => output() === 'ready\n');
    expect(await run('kill', '-s', 'usr1', 'target')).toMatchObject({ status: 0, stdout: 'target\n' });
    await until(() => output() === 'ready\nusr1\n');
    expect((await run('kill', '--signal', '1', 'target')).status).toBe(0);
    await until(() => output() === 'ready\nusr1\nhup\n');
    expect((await run('kill', '-a')).status).toBe(0);
    expect(await ended).toBe(137);
  });

  it('is refused for one that has ended, and goes on with the others', async () => {
    await run('run', '--name', 'over', 'base', 'true');
    await start('living', ['sleep', '1000']);
    const { status, stdout, stderr } = await run('kill', 'over', 'living');
    expect([status, stdout]).toEqual([125, 'living\n']);
    expect(stderr).toMatch(/cannot kill over\n.*exited\n.*\n.*code: container\.state/);
  });
});

describe('wait', () => {
  it('prints exit statuses, also of one that is removed at its end', async () => {
    const script = 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done';
    const { output } = await start('kept', ['sh', '-c', script]);
    const { output: outputOfPassing } = await start('passing', ['sh', '-c', script.replace('5', '6')], ['--rm']);
    await until(() => output() + outputOfPassing() === 'ready\nready\n');
    const waiting = run('wait', 'kept', 'passing');
    await run('stop', '-a');
    expect(await waiting).toMatchObject({ status: 0, stdout: '5\n6\n', stderr: '' });
    expect(await run('wait', '--condition', 'exited', 'kept')).toMatchObject({ stdout: '5\n' });
  });
});

describe('wait, for a container that ends meanwhile', () => {
  it.each([['--rm'], ['--init=false']])('knows its status each time (%s)', async (option) => {
    for (let round = 0; round < 3; round += 1) {
      await run('run', '-d', option, '--name', `ends-${round}`, 'base', 'sh', '-c', 'sleep 3; exit 6');
      expect(await run('wait', `ends-${round}`)).toMatchObject({ status: 0, stdout: '6\n' });
    }
  });
});

describe('rm', () => {
  it('refuses what runs, and ends it with --force', async () => {
    const { ended } = await start('living', ['sleep', '1000'], ['-u', '1000']);
    expect(await run('rm', 'living')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('container.running'),
    });
    expect(await run('rm', '-f', 'living')).toMatchObject({ status: 0, stdout: 'living\n', stderr: '' });
    expect(await ended).toBe(137);
    expect(readdirSync(join(user.store, 'containers'))).toEqual([]);
    expect(await run('rm', '-i', 'living')).toMatchObject({ status: 0, stdout: '' });
  });

  it("removes the record that names somebody else's process, and nothing else", async () => {
    const { ended } = await start('forged', ['sleep', '1000']);
    const [pid = 0] = pidsOf(user, 'sleep');
    const [id = ''] = readdirSync(join(user.store, 'containers'));
    const file = join(user.store, 'containers', id, 'state.json');
    const stat = readFileSync('/proc/1/stat', 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const genuine = readFileSync(file, 'utf8');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(genuine), pid: 1, startTime }));
    for (const args of [['stop'], ['kill']]) {
      expect(await run(...args, 'forged')).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('permission.denied'),
      });
    }
    // A pid that was used again: the start time is another's.
    writeFileSync(file, JSON.stringify({ ...JSON.parse(genuine), startTime: '1' }));
    expect(await run('kill', 'forged')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('container.state'),
    });
    writeFileSync(file, genuine);
    expect(pidsOf(user, 'sleep')).toEqual([pid]);
    await run('rm', '-f', 'forged');
    expect(await ended).toBe(137);
  });
});

describe('rename', () => {
  it('gives a container another name, and the old one back', async () => {
    await run('run', '--name', 'before', 'base', 'true');
    await run('run', '--name', 'other', 'base', 'true');
    expect(await run('rename', 'before', 'after')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(await stateOf('after')).toEqual(['exited', 0]);
    expect(await stateOf('before')).toEqual([undefined, undefined]);
    expect(await run('rename', 'after', 'other')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('container.exists'),
    });
    expect((await run('run', '--name', 'before', 'base', 'true')).status).toBe(0);
    expect(readdirSync(join(user.store, 'names')).sort()).toEqual(['after', 'before', 'other']);
    await run('rm', 'after');
    expect(readdirSync(join(user.store, 'names')).sort()).toEqual(['before', 'other']);
  });
});

describe('pause', () => {
  it('is refused with the reason where a container has no cgroup of its own', async () => {
    await start('awake', ['sleep', '1000']);
    for (const command of ['pause', 'unpause']) {
      const { status, stderr } = await run(command, 'awake');
      expect([status, stderr]).toEqual([
        125,
        expect.stringMatching(/why: {2}no .*\n.*\n {2}code: controller\.missing/),
      ]);
    }
    expect(await run('unpause', '-a')).toMatchObject({ status: 0, stdout: '' });
  });
});

describe('--replace', () => {
  it('takes the place of a container of that name, be it running or not, and of none', async () => {
    const id = async () => (await run('inspect', '--format', '{{.Id}}', 'one')).stdout;
    expect((await run('run', '-d', '--replace', '--name', 'one', 'base', 'sleep', '1000')).stderr).toBe('');
    const first = await id();
    expect((await run('run', '-d', '--name', 'one', 'base', 'true')).stderr).toContain('code: container.exists');
    expect((await run('create', '--replace', '--name', 'one', 'base', 'true')).stderr).toBe('');
    const second = await id();
    expect((await run('run', '--replace', '--name', 'one', 'base', 'true')).stderr).toBe('');
    expect(new Set([first, second, await id()]).size).toBe(3);
    expect((await run('ps', '-a', '-q')).stdout.trim().split('\n')).toHaveLength(1);
    // What is refused takes nothing away.
    const third = await id();
    expect((await run('run', '--replace', '--name', 'one', '-v', '/no/such:/x', 'base', 'true')).status).toBe(125);
    expect((await run('run', '--replace', 'base', 'true')).stderr).toContain('code: usage.invalid');
    expect(await id()).toBe(third);
  });
});

describe('update', () => {
  it('is refused with the reason where a container has no cgroup of its own, be it running or not', async () => {
    await start('as-it-is', ['sleep', '1000']);
    await run('create', '--name', 'later', 'base', 'true');
    const before = (await run('inspect', 'as-it-is', 'later')).stdout;
    for (const name of ['as-it-is', 'later']) {
      const { status, stderr } = await run('update', '--pids-limit', '20', name);
      expect([status, stderr]).toEqual([
        125,
        expect.stringMatching(/cannot update .*\n {2}why: {2}no .*\n.*\n {2}code: controller\.missing/),
      ]);
    }
    expect((await run('inspect', 'as-it-is', 'later')).stdout).toBe(before);
  });
});

describe('bad input', () => {
  it.each([
    ['usage.invalid', ['stop']],
    ['usage.invalid', ['stop', '-a', 'x']],
    ['usage.invalid', ['stop', '-t', 'soon', 'x']],
    ['usage.invalid', ['kill', '-s', 'NONE', 'x']],
    ['usage.invalid', ['kill', '-s', '65', 'x']],
    ['usage.invalid', ['wait', '--condition', 'happy', 'x']],
    ['usage.invalid', ['rename', 'x']],
    ['container.missing', ['rename', 'absent', 'x']],
    ['usage.invalid', ['update', '--pids-limit', '9']],
    ['usage.invalid', ['update', '--pids-limit', '0', 'x']],
    ['usage.invalid', ['update', '--oom-score-adj', '5', 'x']],
    ['usage.invalid', ['update', '--device-read-bps', '/etc:1m', 'x']],
    ['container.missing', ['update', '--memory', '64m', 'absent']],
    ['container.missing', ['stop', 'absent']],
    ['container.missing', ['wait', '-l']],
  ])('gives %s for %j', async (code, args) => {
    const { status, stderr } = await run(...args);
    expect([status, stderr]).toEqual([125, expect.stringContaining(`code: ${code}\n`)]);
  });
});

describe('the trail', () => {
  it('tells of signals and ends', async () => {
    await start('told', ['sleep', '1000']);
    await run('kill', '-s', 'HUP', 'told');
    await run('stop', '-t', '0', 'told');
    const lines = readFileSync(join(user.home, '.local/share/containers/run/events.jsonl'), 'utf8').trim().split('\n');
    const events = lines.map((line) => JSON.parse(line)).filter(({ container }) => container?.name === 'told');
    expect(events.map(({ action }) => action)).toEqual([
      'container.start',
      'container.kill',
      'container.exit',
      'container.stop',
    ]);
    expect(events.at(-1)).toMatchObject({ details: { signal: 'SIGTERM', killed: true } });
  });
});
