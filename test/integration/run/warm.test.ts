/** Runs of a shape that was run before: launched by the front alone, without Node. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/main.js';
import { addRunOptions } from '../../../src/cli/run-options.js';
import { installed } from '../../../src/sys/install.js';
import { until } from '../until.js';
import { makeFront, makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
let front: string;
const plans = () => join(user.home, '.local/share/containers/run/plans');

beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());

/** Node needs gigabytes of addresses and cannot start in these. */
const WITHOUT_NODE = ['prlimit', '--as=268435456', '--'];
const any = (args: readonly string[]) => user.run([front, 'run', ...args]);
const warm = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  user.run([...WITHOUT_NODE, front, 'run', ...args], { env });

function prepare(...args: string[]): void {
  const { status, stderr } = any(args);
  expect([status, stderr]).toEqual([0, '']);
}

describe('a run of a shape that was run before', () => {
  it('needs no Node, which the first one does', () => {
    rmSync(plans(), { recursive: true, force: true });
    expect(warm(['--rm', 'base', 'true']).status).not.toBe(0);
    prepare('--rm', 'base', 'true');
    expect(warm(['--rm', 'base', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toMatchObject({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('is one whatever its command, values of variables, sources of volumes, working directory and names are', () => {
    const make = (index: number) => join(user.scratch, `volume-${index}`);
    for (let index = 0; index < 20; index += 1) {
      mkdirSync(make(index));
      writeFileSync(join(make(index), 'file'), `content ${index}\n`);
    }
    const args = (index: number) => {
      const options = ['-e', `A=value ${index} "\\`, '-e', 'B', '-v', `${make(index % 20)}:/data:ro`];
      const names = ['--name', `run-${index}`, '--hostname', `host-${index}`, '-w', index % 2 ? '/data' : '/tmp'];
      return [
        '--rm',
        ...options,
        ...names,
        'base',
        'sh',
        '-c',
        `echo "$A" $B $PWD $(hostname) $(cat /data/file) ${index}`,
      ];
    };
    user.run([front, 'run', ...args(0)], { env: { B: 'given' } });
    for (let index = 1; index <= 200; index += 1) {
      const where = index % 2 ? '/data' : '/tmp';
      const { stdout, stderr } = warm(args(index), { B: `given ${index}` });
      expect(`${stdout}${stderr}`).toBe(
        `value ${index} "\\ given ${index} ${where} host-${index} content ${index % 20} ${index}\n`,
      );
    }
  }, 300_000);

  it('keeps the same books as the first', async () => {
    prepare('--name', 'first', 'base', 'echo', 'a "quoted"', 'word');
    expect(warm(['--name', 'second', 'base', 'echo', 'b', '\u001b[31m\n']).status).toBe(0);
    const listed = JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout) as Record<string, unknown>[];
    expect(listed.map(({ name, status, exitCode }) => [name, status, exitCode])).toEqual([
      ['first', 'exited', 0],
      ['second', 'exited', 0],
    ]);
    const keys = listed.map((one) => Object.keys(one));
    expect(keys[0]).toEqual(keys[1]);
    expect(warm(['--name', 'second', 'base', 'true'])).toMatchObject({ stdout: '' });
    expect(any(['--name', 'second', 'base', 'true'])).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/cannot name the container second\n.*exists.*\n.*\n.*code: container\.exists/),
    });
    expect((await user.isoRun(['rm', 'first', 'second'])).stdout).toBe('first\nsecond\n');
    expect(readdirSync(join(user.store, 'names'))).toEqual([]);
  });

  it('fails with the words of the first', () => {
    for (const args of [
      ['--rm', 'base', '/no/such'],
      ['--rm', 'base', 'nosuch'],
      ['--rm', 'base', '/etc/passwd'],
      ['--rm', '-w', '/nowhere', 'base', 'true'],
    ]) {
      rmSync(plans(), { recursive: true, force: true });
      const [cold, again] = [any(args), any(args)];
      expect(cold.stderr).toMatch(/code: run\./);
      expect([again.status, again.stderr]).toEqual([cold.status, cold.stderr]);
    }
    expect(readdirSync(join(user.store, 'containers'))).toEqual([]);
  });

  it('shows no volume that may not be shown', () => {
    prepare('--rm', '-v', `${user.scratch}:/data`, 'base', 'true');
    const refused = any(['--rm', '-v', `${user.home}/.local/share/containers:/data`, 'base', 'true']);
    expect(refused).toMatchObject({ status: 125, stderr: expect.stringMatching(/volume\.refused/) });
    const covered = any(['--rm', '-v', `${user.home}:/data`, 'base', 'ls', '/data/.local/share/containers']);
    expect([covered.status, covered.stdout]).toEqual([0, '']);
  });
});

describe('a plan that does not hold', () => {
  const file = () => join(plans(), readdirSync(plans())[0] ?? '');
  beforeEach(async () => {
    if (warm(['--rm', 'base', 'true']).status === 0) return;
    rmSync(plans(), { recursive: true, force: true });
    await sleep(2100);
    prepare('--rm', 'base', 'true');
    expect(warm(['--rm', 'base', 'true']).status).toBe(0);
  });

  const imageRecord = () => join(user.store, 'images', 'base%3Alatest.json');
  it.each<[string, () => void]>([
    ['the image was tagged anew', () => utimesSync(imageRecord(), 0, 0)],
    ['a program of ours was replaced', () => utimesSync(join(user.scratch, 'dist/iso-run.js'), 0, 0)],
    ['it belongs to another user', () => chownSync(file(), 0, 0)],
    ['others may read it', () => chmodSync(file(), 0o640)],
    ['it has a second name', () => execFileSync('ln', ['--', file(), `${file()}.second`])],
    [
      'it is a link',
      () => {
        copyFileSync(file(), join(user.scratch, 'copy'));
        rmSync(file());
        symlinkSync(join(user.scratch, 'copy'), join(plans(), 'x'));
      },
    ],
    ['it is cut off', () => writeFileSync(file(), readFileSync(file()).subarray(0, -40))],
    [
      'it is of another boot',
      () => {
        const bytes = readFileSync(file());
        const boot = readFileSync('/proc/sys/kernel/random/boot_id');
        bytes.write('another', bytes.indexOf(boot));
        writeFileSync(file(), bytes);
      },
    ],
  ])('because %s is not used', (_, change) => {
    change();
    expect(warm(['--rm', 'base', 'true']).status).not.toBe(0);
    expect(any(['--rm', 'base', 'true']).status).toBe(0);
  });

  it('because what it comes from has just changed is not kept', async () => {
    rmSync(plans(), { recursive: true, force: true });
    const toucher = spawn('sh', ['-c', 'while :; do touch -- "$1"; done', 'sh', imageRecord()], { stdio: 'ignore' });
    try {
      expect(any(['--rm', 'base', 'true']).status).toBe(0);
      expect(() => readdirSync(plans())).toThrow(/ENOENT/);
    } finally {
      toucher.kill('SIGKILL');
    }
  });
});

describe('first runs at once', () => {
  it('do not disturb each other', async () => {
    rmSync(plans(), { recursive: true, force: true });
    await sleep(2100);
    const ended = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const child = user.spawn([front, 'run', '--rm', 'base', 'echo', String(index)], {
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        return new Promise((resolve) => {
          let text = '';
          child.stdout?.on('data', (chunk) => {
            text += chunk;
          });
          child.stderr?.on('data', (chunk) => {
            text += chunk;
          });
          child.on('close', (status) => resolve([status, text]));
        });
      }),
    );
    expect(ended).toEqual(Array.from({ length: 8 }, (_, index) => [0, `${index}\n`]));
    expect(warm(['--rm', 'base', 'true']).status).toBe(0);
    expect(readdirSync(plans())).toHaveLength(1);
  });
});

describe('the options', () => {
  it('are the same for the front as for Node', () => {
    const options = { argv0: 'iso-run', encoding: 'utf8' } as const;
    const { stdout: printed } = spawnSync(installed('iso-front'), ['--run-options'], options);
    const command = addRunOptions(createProgram('iso-run', '').enablePositionalOptions().command('run'));
    const ours = command.options.map(
      ({ long, short, required }) => `${long} ${short?.[1] ?? '-'} ${required ? 'value' : 'flag'}`,
    );
    expect(printed.trim().split('\n').sort()).toEqual(ours.sort());
  });
});

describe('the session', () => {
  it('is started again when it was killed, and its containers go on and are known', async () => {
    prepare('--rm', 'base', 'true');
    const child = user.spawn([front, 'run', '--name', 'stays', 'base', 'sleep', '1000'], { stdio: 'ignore' });
    await until(() => pidsOf(user, 'sleep').length === 1);
    signalOne(user, 'iso-session', 'SIGKILL');
    expect(any(['--rm', 'base', 'echo', 'again']).stdout).toBe('again\n');
    expect(pidsOf(user, 'iso-session')).toHaveLength(1);
    expect(JSON.parse((await user.isoRun(['ps', '--json'])).stdout)).toMatchObject([{ name: 'stays', running: true }]);
    signalOne(user, 'sleep', 'SIGTERM');
    signalOne(user, 'sleep', 'SIGKILL');
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(137);
    await user.isoRun(['rm', 'stays']);
  });

  it('takes nothing from a process that may less than its own user (R41)', () => {
    prepare('--rm', 'base', 'true');
    const refused = user.run(['setpriv', '--no-new-privs', ...WITHOUT_NODE, front, 'run', '--rm', 'base', 'true']);
    expect(refused.status).not.toBe(0);
    const inside = user.run([
      'unshare',
      '--user',
      '--map-root-user',
      ...WITHOUT_NODE,
      front,
      'run',
      '--rm',
      'base',
      'true',
    ]);
    expect(inside.status).not.toBe(0);
    expect(warm(['--rm', 'base', 'true']).status).toBe(0);
  });

  it('gives the payload the bounds of its caller, not its own', () => {
    prepare('--rm', 'base', 'true');
    const bounded = user.run([
      'prlimit',
      '--as=268435456',
      '--nofile=77:88',
      '--',
      front,
      'run',
      '--rm',
      'base',
      'sh',
      '-c',
      'ulimit -n; ulimit -Hn',
    ]);
    expect(bounded.stdout).toBe('77\n88\n');
  });

  it('ends with what is left of it when its user is removed', () => {
    prepare('--rm', 'base', 'true');
    expect(pidsOf(user, 'iso-session')).toHaveLength(1);
    const removed = execFileSync(
      process.execPath,
      [join(user.scratch, 'dist/iso-setup.js'), 'remove', user.name, '--purge'],
      { encoding: 'utf8' },
    );
    expect(removed).toMatch(/subids/);
    expect(pidsOf(user, 'iso-session')).toEqual([]);
  });
});
