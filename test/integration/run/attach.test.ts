/** Staying with containers that live by themselves: `attach`, `start --attach`. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, pidsOf, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const containers = () => join(user.store, 'containers');
const onlyId = () => readdirSync(containers())[0] ?? '';
const log = () => readFileSync(join(containers(), onlyId(), 'ctr.log'), 'utf8');
const listed = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);
const isRunning = async () => (await listed())[0]?.running === true;
const make = async (how: 'create' | 'run', options: readonly string[], script: string) => {
  const detach = how === 'run' ? ['-d'] : [];
  const args = [how, ...detach, '--name', 'one', ...options, 'base', 'sh', '-c', script];
  expect((await user.isoRun(args)).stderr).toBe('');
};

afterEach(async () => {
  if ((await listed()).length > 0) await user.isoRun(['rm', '-f', 'one']);
  await until(() => pidsOf(user, 'iso-monitor').length === 0);
  expect(existsSync(containers()) ? readdirSync(containers()) : []).toEqual([]);
});

/** iso-run on a terminal of its own, by script(1). */
function onTerminal(args: readonly string[]) {
  const words = [process.execPath, user.program('iso-run.js'), ...args].map((word) => `'${word}'`).join(' ');
  const child = user.spawn(['script', '-qec', words, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let seen = '';
  child.stdout?.on('data', (chunk) => {
    seen += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    seen: () => seen,
    type: (keys: string) => child.stdin?.write(keys),
    sees: (text: string | RegExp) => until(() => (typeof text === 'string' ? seen.includes(text) : text.test(seen))),
    ended,
  };
}

describe('start --attach', () => {
  it.each([[[]], [['--direct']]])(
    'misses nothing from the first byte to the last, and has the status %j',
    async (options) => {
      await make('create', options, 'echo out; echo err >&2; seq 1 20000; exit 7');
      const numbers = Array.from({ length: 20000 }, (_, index) => `${index + 1}\n`).join('');
      for (let round = 0; round < 2; round += 1) {
        const { status, stdout, stderr } = await user.isoRun(['start', '-a', 'one']);
        expect([status, stderr, stdout === `out\n${numbers}`]).toEqual([7, 'err\n', true]);
        expect(await listed()).toMatchObject([{ status: 'exited', exitCode: 7 }]);
      }
      expect(log().match(/ stdout F out\n/g)).toHaveLength(2);
    },
  );

  it('gives the payload its input and its end with -i', async () => {
    await make('create', ['-i'], 'cat; echo end');
    const input = Buffer.from('line\n'.repeat(50_000));
    const { status, stdout } = await user.isoRun(['start', '-ai', 'one'], { input });
    expect([status, stdout === `${input}end\n`]).toEqual([0, true]);
  });

  it('that cannot execute the command says so', async () => {
    expect((await user.isoRun(['create', '--name', 'one', 'base', '/no/such'])).status).toBe(0);
    const { status, stderr } = await user.isoRun(['start', '-a', 'one']);
    expect([status, stderr]).toEqual([127, expect.stringContaining('code: run.not-found')]);
  });

  it('is for one container at a time', async () => {
    await make('create', [], 'true');
    expect((await user.isoRun(['create', '--name', 'two', 'base', 'true'])).status).toBe(0);
    expect((await user.isoRun(['start', '-a', 'one', 'two'])).stderr).toContain('code: usage.invalid');
    expect((await user.isoRun(['rm', 'two'])).status).toBe(0);
  });

  it('killed leaves the container alone', async () => {
    await make('create', [], 'while :; do echo tick; sleep 0.05; done');
    const child = user.start(['start', '-a', 'one'], 'ignore');
    await until(() => pidsOf(user, 'iso-outer').length === 1);
    await until(() => existsSync(join(containers(), onlyId(), 'ctr.log')) && log().includes('tick'));
    for (const pid of pidsOf(user, 'iso-outer')) process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    const before = log().length;
    await until(() => log().length > before + 200);
    expect(await isRunning()).toBe(true);
  });
});

describe('attach', () => {
  it('shows what comes from now on to all who are attached, apart, and has the status of the container', async () => {
    await make('run', ['-i'], 'read a; echo "out $a"; echo err >&2; read b; exit 4');
    const watching = user.isoRun(['attach', '--no-stdin', 'one'], { during: async () => undefined });
    const typed = user.isoRun(['attach', 'one'], {
      during: async ({ write }) => {
        await sleep(1500);
        write(Buffer.from('hello\n'));
        await until(() => log().includes('err'));
        write(Buffer.from('end\n'));
      },
    });
    for (const { status, stdout, stderr } of await Promise.all([watching, typed])) {
      expect([status, stdout, stderr]).toEqual([4, 'out hello\n', 'err\n']);
    }
  });

  it('does not end the input of the container with its own', async () => {
    await make('run', ['-i'], 'cat; echo end');
    for (const word of ['one', 'two']) {
      const child = user.start(['attach', 'one']);
      child.stdin?.end(`${word}\n`);
      await until(() => log().includes(word));
      for (const pid of pidsOf(user, 'iso-outer')) process.kill(pid, 'SIGKILL');
      await until(() => pidsOf(user, 'iso-outer').length === 0);
    }
    expect(log()).not.toContain('end');
    expect(await isRunning()).toBe(true);
  });

  it('passes signals on, or ends by them', async () => {
    await make('run', [], 'trap "echo interrupted" INT; while :; do sleep 0.05; done');
    const passing = user.start(['attach', 'one'], 'ignore');
    await until(() => pidsOf(user, 'iso-outer').length === 1);
    await sleep(300);
    for (const pid of pidsOf(user, 'iso-outer')) process.kill(pid, 'SIGINT');
    await until(() => log().includes('interrupted'));
    passing.kill('SIGKILL');
    for (const pid of pidsOf(user, 'iso-outer')) process.kill(pid, 'SIGKILL');
    await until(() => pidsOf(user, 'iso-outer').length === 0);
    const keeping = user.start(['attach', '--sig-proxy=false', 'one'], 'ignore');
    await until(() => pidsOf(user, 'iso-outer').length === 1);
    await sleep(300);
    for (const pid of pidsOf(user, 'iso-outer')) process.kill(pid, 'SIGINT');
    expect(await new Promise((resolve) => keeping.on('close', resolve))).toBe(0);
    expect(log().match(/interrupted/g)).toHaveLength(1);
    expect(await isRunning()).toBe(true);
  });

  it('has a terminal that keys leave and window sizes reach', async () => {
    await make('run', ['-it'], "PS1='$ ' exec sh");
    const first = onTerminal(['attach', 'one']);
    await until(() => pidsOf(user, 'iso-outer').length > 0);
    await sleep(500);
    first.type('echo $((40+2))\n');
    await first.sees('\n42\r\n');
    first.type('\x10');
    first.type('echo ba\x10\x11');
    expect(await first.ended).toBe(0);
    expect(await isRunning()).toBe(true);
    const again = onTerminal(['attach', '--detach-keys', 'ctrl-a,b', 'one']);
    await until(() => pidsOf(user, 'iso-outer').length > 0);
    await sleep(500);
    again.type('\x03echo again$((1+1))\n');
    await again.sees('again2\r\n');
    again.type('exit 9\n');
    expect(await again.ended).toBe(9);
  });

  it.each(['x-y', 'ctrl-1', 'a,,b', Array(17).fill('a').join(',')])('takes no keys like %s', async (keys) => {
    await make('run', [], 'exec sleep 1000');
    const { status, stderr } = await user.isoRun(['attach', `--detach-keys=${keys}`, 'one']);
    expect([status, stderr]).toEqual([125, expect.stringContaining('code: usage.invalid')]);
  });

  it('is not held up by one who does not read, who is told when he does', async () => {
    await make(
      'run',
      ['-i'],
      'read go; head -c 8000000 /dev/zero | tr "\\0" x | fold -w 99; echo; echo last; exec sleep 1000',
    );
    // Its reader has stopped: pipe, socket and all else that could take the output are full soon.
    const stuck = user.start(['attach', 'one']);
    const closed = new Promise((resolve) => stuck.on('close', resolve));
    await until(() => pidsOf(user, 'iso-outer').length === 1);
    await sleep(500);
    stuck.stdout?.pause();
    const [outer] = pidsOf(user, 'iso-outer');
    process.kill(outer ?? 0, 'SIGSTOP');
    const other = user.start(['attach', 'one']);
    await until(() => pidsOf(user, 'iso-outer').length === 2);
    other.stdout?.resume();
    await sleep(500);
    other.stdin?.write('go\n');
    await until(() => log().includes(' F last'));
    let said = '';
    stuck.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    stuck.stdout?.resume();
    process.kill(outer ?? 0, 'SIGCONT');
    await user.isoRun(['rm', '-f', 'one']);
    await closed;
    expect(said).toMatch(/does not wait for who is attached[\s\S]*iso-run logs/);
    other.kill('SIGKILL');
  });

  it('is refused for what does not run', async () => {
    await make('create', [], 'true');
    expect((await user.isoRun(['attach', 'one'])).stderr).toContain('code: container.stopped');
  });
});

describe('the socket', () => {
  it('takes nobody else, and no nonsense, and goes on', async () => {
    await make('run', [], 'while :; do echo tick; sleep 0.05; done');
    // Perl is in every Debian, and Node has no sockets of this kind. The path is longer than an address may be.
    const perl = (script: string) => {
      const begin = 'use Socket; sub meet { socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die; ';
      const meet = 'connect($s, pack_sockaddr_un("attach")) or die "$!"; recv($s, my $said, 64, 0); ($s, $said) }';
      return ['perl', '-e', `${begin}${meet} chdir($ARGV[0]) or die; ${script}`, join(containers(), onlyId())];
    };
    const [program = '', ...args] = perl('my ($s, $said) = meet(); print length $said');
    // Root is not the user either.
    expect(execFileSync(program, args, { encoding: 'utf8' })).toBe('0');
    const nonsense = ['"x"', '"A\\x0f\\0\\0\\0\\0"', '"S\\x09\\0\\0\\0\\0"', '"y" x 4000', '"A\\0\\0\\0\\0\\0"'];
    const said = user.run(
      perl(`for my $word (${nonsense.join(', ')}) {
        for (1 .. 20) { my ($s, $said) = meet(); send($s, $word, 0); print length $said }
      }
      my @silent = map { (meet())[0] } 1 .. 40; print "end"`),
    );
    expect([said.stdout, said.stderr]).toEqual([`${'6'.repeat(100)}end`, '']);
    const before = log().length;
    await until(() => log().length > before + 200);
    const [monitor] = pidsOf(user, 'iso-monitor');
    await until(() => readdirSync(`/proc/${monitor}/fd`).length < 20);
    expect(await isRunning()).toBe(true);
  });
});
