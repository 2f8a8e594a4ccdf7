/** Further commands in a running container: what they see, what they may, and what the container sees of them. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { giveTo, makeRunUser, pidsOf, type Report, type RunUser } from './run-user.js';

let user: RunUser;
const probe = () => `${join(user.scratch, 'probe')}:/probe:ro`;

/** Starts a container that goes on until it is removed. */
async function start(name: string, options: readonly string[] = []): Promise<void> {
  user.start(['run', '--name', name, '-v', probe(), ...options, 'base', 'sleep', '1000'], 'ignore');
  await until(async () => (await user.isoRun(['ps'])).stdout.includes(name));
}

const exec = (...args: string[]) => user.isoRun(['exec', ...args]);

async function report(...args: string[]): Promise<Report> {
  const { status, stdout, stderr } = await exec(...args, '/probe/probe', 'report');
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

/** Lines of /proc/self/status that say what a process may. */
const rights = (one: Report) =>
  one.status.split('\n').filter((line) => /^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|THP)/.test(line));

beforeAll(async () => {
  user = await makeRunUser();
  await start('main', ['-e', 'FROM=run', '-w', '/tmp', '--hostname', 'host-of-main']);
}, 60_000);
afterAll(() => user?.remove());

describe.each([
  ['in the session', []],
  ['without a session', ['--direct']],
])('a command that is run %s', (_, way) => {
  it('has the namespaces, rights, environment, directory and host name of the payload', async () => {
    const [inside] = JSON.parse(
      (
        await user.isoRun([
          'run',
          '--rm',
          '-v',
          probe(),
          '-e',
          'FROM=run',
          '-w',
          '/tmp',
          'base',
          'sh',
          '-c',
          'echo "[$(/probe/probe report)]"',
        ])
      ).stdout,
    ) as [Report];
    const joined = await report(...way, 'main');
    expect(rights(joined)).toEqual(rights(inside));
    expect(joined.status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(joined.status).toMatch(/^Seccomp_filters:\t2$/m);
    // The shell's own, in which the other one ran.
    const variables = inside.env.filter((one) => !/^(PWD|SHLVL)=/.test(one)).sort();
    expect([joined.env.sort(), joined.cwd, joined.hostname]).toEqual([variables, '/tmp', 'host-of-main']);
    expect([joined.uidMap, joined.gidMap, joined.cgroup]).toEqual([inside.uidMap, inside.gidMap, inside.cgroup]);
    const seen = await exec(...way, 'main', 'sh', '-c', 'cd /proc/self/ns; for n in *; do readlink $n; done');
    const own = await exec(...way, 'main', 'sh', '-c', 'cd /proc/1/ns; for n in *; do readlink $n; done');
    expect(seen.stdout).toBe(own.stdout);
    expect(seen.stdout.split('\n').length).toBeGreaterThan(7);
  });

  it("has three descriptors, none of them the host's", async () => {
    const { descriptors } = await report(...way, 'main');
    const open = Object.entries(descriptors).filter(([, target]) => !/^\/proc\//.test(target));
    expect(open.map(([fd, target]) => [fd, target.replace(/\d+/, 'N')])).toEqual([
      ['0', '/dev/null'],
      ['1', 'pipe:[N]'],
      ['2', 'pipe:[N]'],
    ]);
  });

  it("relays streams and ends with the command's status", async () => {
    const echoed = await user.isoRun(['exec', ...way, '-i', 'main', 'sh', '-c', 'cat; echo err >&2; exit 7'], {
      input: Buffer.from('through'),
    });
    expect([echoed.status, echoed.stdout, echoed.stderr]).toEqual([7, 'through', 'err\n']);
    const killed = await exec(...way, 'main', 'sh', '-c', 'kill -9 $$');
    expect(killed.status).toBe(137);
  });

  it.each([
    [127, 'run.not-found', ['no-such']],
    [127, 'run.not-found', ['/no/such']],
    [126, 'run.not-executable', ['/etc/passwd']],
  ])('gives %i, %s for %j', async (expected, code, command) => {
    const { status, stderr } = await exec(...way, 'main', ...command);
    expect(stderr).toContain(`code: ${code}\n`);
    expect(status).toBe(expected);
  });

  it('has the user, directory and variables that it is given', async () => {
    const other = await report(...way, '-u', '1000:1001', '-w', '/etc', '-e', 'FROM=exec', '-e', 'MORE=1', 'main');
    expect([other.uid, other.gid, other.groups, other.cwd]).toEqual([1000, 1001, [1001], '/etc']);
    expect(other.env).toEqual(expect.arrayContaining(['FROM=exec', 'MORE=1', 'HOME=/']));
    expect(other.status).toMatch(/^CapEff:\t0{16}$/m);
    expect(other.status).toMatch(/^CapPrm:\t0{16}$/m);
    const refused = await exec(...way, '-w', '/nowhere', 'main', 'true');
    expect([refused.status, refused.code]).toEqual([125, undefined]);
    expect(refused.stderr).toMatch(/working directory \/nowhere\n {2}why: .*ENOENT/);
  });

  it('goes on by itself with -d, as confined, and its output goes nowhere', async () => {
    const script = 'yes | head -c 1000000; grep -E "CapEff|NoNew|Seccomp" /proc/self/status > /tmp/made; sleep 2000';
    const { status, stdout, stderr } = await exec(...way, '-d', 'main', 'sh', '-c', script);
    expect([status, stdout, stderr]).toEqual([0, expect.stringMatching(/^[0-9a-f]{64}\n$/), '']);
    const same = await exec(...way, 'main', 'grep', '-E', 'CapEff|NoNew|Seccomp', '/proc/self/status');
    await until(async () => (await exec('main', 'cat', '/tmp/made')).stdout === same.stdout);
    expect((await user.isoRun(['top', 'main', 'args'])).stdout).toContain('sleep 2000\n');
    // Without a handler its pid 1 is none of those that a signal from inside reaches.
    await exec('main', 'sh', '-c', 'rm /tmp/made; killall sleep');
    const missing = await exec(...way, '-d', 'main', 'no-such');
    expect([missing.status, missing.stdout]).toEqual([127, '']);
  });

  it('has a terminal of its own with -t, and the container keeps its console', async () => {
    const { stdout } = user.run([
      'script',
      '-qec',
      `${process.execPath} ${user.program('iso-run.js')} exec ${way.join(' ')} -it main sh -c 'tty; test -e /dev/console || echo none'`,
      '/dev/null',
    ]);
    expect(stdout).toMatch(/\/dev\/pts\/\d+\r\nnone\r\n$/);
  });
});

describe('the container', () => {
  it('cannot look into a process that is joining it', async () => {
    // Root of the container watches for such processes and reads what it can. One that is executed meanwhile is the payload.
    const look = 'out=$(ls -l $p/fd $p/cwd $p/root $p/exe 2>&1; cat $p/environ 2>&1)';
    const joining = 'case $(cat $p/comm 2>/dev/null) in iso-*)';
    const watch = `while :; do for p in /proc/[0-9]*; do ${joining} ${look}; ${joining} echo "$out";; esac;; esac; done; done`;
    await start('watcher');
    const watching = user.start(['exec', 'watcher', 'sh', '-c', `${watch} > /seen`], 'ignore');
    try {
      for (let tries = 0; tries < 10; tries += 1) expect((await exec('watcher', 'true')).status).toBe(0);
    } finally {
      watching.kill('SIGKILL');
    }
    const { stdout } = await exec('watcher', 'cat', '/seen');
    await user.isoRun(['rm', '-f', 'watcher']);
    expect(stdout).not.toMatch(/ -> |PATH=/);
  }, 60_000);

  it('cannot write to or through the program that joins it', async () => {
    // CVE-2019-5736: the command is a script whose interpreter is the joining program itself.
    await exec('main', 'sh', '-c', "printf '#!/proc/self/exe\\n' > /tmp/again; chmod +x /tmp/again");
    const before = readFileSync(user.program('iso-session'));
    const { status } = await exec('main', '/tmp/again');
    expect(status).not.toBe(0);
    const written = await exec(
      'main',
      'sh',
      '-c',
      'for p in /proc/[0-9]*; do echo x >> $p/exe && echo wrote; done 2>/dev/null; true',
    );
    expect(written.stdout).toBe('');
    expect(readFileSync(user.program('iso-session'))).toEqual(before);
  });

  it('cannot reach what watches over its commands by a signal to all of a group', async () => {
    const { status } = await exec('main', 'sh', '-c', 'kill -9 0');
    expect(status).toBe(137);
    expect((await exec('main', 'true')).status).toBe(0);
  });

  it('takes its commands along when it ends', async () => {
    await start('ends');
    const before = pidsOf(user, 'sleep').length;
    const command = user.start(['exec', 'ends', 'sleep', '2000'], 'ignore');
    const ended = new Promise((resolve) => command.on('close', resolve));
    await until(() => pidsOf(user, 'sleep').length > before);
    await user.isoRun(['rm', '-f', 'ends']);
    expect(await ended).toBe(137);
  });
});

describe('signals', () => {
  it("are the command's", async () => {
    const command = user.start([
      'exec',
      'main',
      'sh',
      '-c',
      'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done',
    ]);
    let output = '';
    command.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    const ended = new Promise((resolve) => command.on('close', resolve));
    await until(() => output === 'ready\n');
    command.kill('SIGTERM');
    expect(await ended).toBe(3);
    expect(output).toBe('ready\ngot\n');
  });
});

describe('what is refused', () => {
  it('is a container that does not run, with its state', async () => {
    await user.isoRun(['run', '--name', 'over', 'base', 'true']);
    const { status, stderr } = await exec('over', 'true');
    expect([status, stderr]).toEqual([
      125,
      expect.stringMatching(/cannot run a command in over\n {2}why: .*exited\n.*\n {2}code: container\.state/),
    ]);
    await user.isoRun(['rm', 'over']);
  });

  it.each([
    ['container.missing', ['absent', 'true']],
    ['usage.invalid', ['main']],
    ['usage.invalid', ['--privileged', 'main', 'true']],
    ['usage.invalid', ['-u', 'nobody-here', 'main', 'true']],
    ['usage.invalid', ['-u', '70000', 'main', 'true']],
    ['usage.invalid', ['-w', 'relative', 'main', 'true']],
  ])('gives %s for %j', async (code, args) => {
    const { status, stderr } = await exec(...args);
    expect([status, stderr]).toEqual([125, expect.stringContaining(`code: ${code}\n`)]);
  });

  it('is a record that names a process outside of containers, or a pid that was used again', async () => {
    const outside = user.spawn(['sleep', '1000'], { stdio: 'ignore' });
    const file = join(user.store, 'containers', idOf('main'), 'state.json');
    const text = readFileSync(file, 'utf8');
    const name = (pid: number, startTime = startTimeOf(pid)) =>
      writeFileSync(file, JSON.stringify({ ...JSON.parse(text), pid, startTime }));
    try {
      await until(() => readFileSync(`/proc/${outside.pid}/comm`, 'utf8') === 'sleep\n');
      for (const pid of [1, outside.pid ?? 0]) {
        name(pid);
        for (const way of [[], ['--direct']]) {
          const { status, stderr } = await exec(...way, 'main', 'true');
          expect([status, stderr]).toEqual([
            125,
            expect.stringMatching(/cannot join the container.*\n {2}why: .*EPERM/),
          ]);
        }
      }
      name(JSON.parse(text).pid, '1');
      expect((await exec('main', 'true')).stderr).toContain('code: container.state');
    } finally {
      writeFileSync(file, text);
      outside.kill('SIGKILL');
    }
  });

  it('is a container whose plan is gone or lacks its confinement', async () => {
    const file = join(user.store, 'containers', idOf('main'), 'launch');
    const bytes = readFileSync(file);
    try {
      writeFileSync(file, bytes.subarray(0, bytes.length - 40));
      expect((await exec('main', 'true')).stderr).toContain('code: plan.invalid');
      rmSync(file);
      expect((await exec('main', 'true')).stderr).toContain('code: plan.invalid');
    } finally {
      writeFileSync(file, bytes, { mode: 0o600 });
      giveTo(user, file);
    }
    expect((await exec('main', 'true')).status).toBe(0);
  });
});

describe('the trail', () => {
  it('tells of each command, bounded', async () => {
    await exec('-u', '1000', 'main', 'echo', 'x'.repeat(1000));
    const lines = readFileSync(join(user.home, '.local/share/containers/run/events.jsonl'), 'utf8').trim().split('\n');
    const event = lines.map((line) => JSON.parse(line)).findLast(({ action }) => action === 'container.exec');
    expect(event).toMatchObject({
      outcome: 'success',
      uid: user.uid,
      container: { name: 'main' },
      details: { user: 1000, terminal: false, command: expect.stringMatching(/^echo x{100}/) },
    });
    expect(event.details.command.length).toBeLessThan(300);
  });
});

function idOf(name: string): string {
  const listed = JSON.parse(user.iso('iso-run', ['ps', '-a', '--json']).stdout) as { id: string; name: string }[];
  return listed.find((one) => one.name === name)?.id ?? '';
}

function startTimeOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
