/** Commands that show containers: ps with its filters and formats, inspect. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
const run = (...args: string[]) => user.isoRun(args);
const lines = async (...args: string[]) => (await run(...args)).stdout.trim().split('\n').filter(Boolean);

beforeAll(async () => {
  user = await makeRunUser();
  await run('run', '--name', 'done', 'base', 'sh', '-c', 'exit 3');
  await run('run', '--name', 'odd', 'base', 'echo', '\u001b[31mred\n');
  const volume = `${join(user.scratch, 'probe')}:/probe:ro`;
  const options = [
    '-v',
    volume,
    '-e',
    'A=b c',
    '-w',
    '/tmp',
    '-u',
    '1000:1001',
    '--hostname',
    'inside',
    '--cap-drop',
    'ALL',
  ];
  user.start(['run', '--name', 'living', ...options, 'base', 'sleep', '1000'], 'ignore');
  await until(async () => (await run('ps')).stdout.includes('living'));
}, 60_000);
afterAll(() => user?.remove());

describe('ps', () => {
  it.each<[string[], string[]]>([
    [[], ['living']],
    [['-a'], ['done', 'odd', 'living']],
    [['-l'], ['living']],
    [
      ['-n', '2'],
      ['odd', 'living'],
    ],
    [
      ['-a', '-f', 'name=d'],
      ['done', 'odd'],
    ],
    [
      ['-f', 'status=exited'],
      ['done', 'odd'],
    ],
    [
      ['-f', 'status=exited', '-f', 'status=running'],
      ['done', 'odd', 'living'],
    ],
    [['-f', 'exited=3'], ['done']],
    [['-a', '--filter', 'ancestor=base', '--filter', 'since=odd'], ['living']],
    [['-a', '--filter', 'before=odd'], ['done']],
    [['-a', '-f', 'name=absent'], []],
  ])('%j shows %j', async (options, names) => {
    expect(await lines('ps', ...options, '--format', '{{.Names}}')).toEqual(names);
  });

  it("prints whole ids, tables, and JSON under Podman's names", async () => {
    const [id = ''] = await lines('ps', '-q', '--no-trunc');
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await lines('ps', '-f', `id=${id.slice(0, 5)}`, '-q')).toEqual([id.slice(0, 12)]);
    expect(await lines('ps', '--format', 'table {{.ID}}\\t{{.Names}}\\t{{.State}}')).toEqual([
      'CONTAINER ID  NAMES   STATE',
      `${id.slice(0, 12)}  living  running`,
    ]);
    expect(JSON.parse((await run('ps', '-a', '-f', 'name=done', '--format', 'json')).stdout)).toMatchObject([
      { Names: ['done'], Image: 'base:latest', Command: ['sh', '-c', 'exit 3'], State: 'exited', ExitCode: 3 },
    ]);
  });

  it('lets no container write to the terminal', async () => {
    const { stdout } = await run('ps', '-a', '--no-trunc', '--format', '{{.Command}}');
    expect(stdout).toContain('echo \\x1b[31mred\\x0a\n');
  });
});

describe('top', () => {
  it('shows the processes with the ids that they have inside', async () => {
    const [heading, ...rows] = await lines('top', 'living');
    expect(heading).toMatch(/^USER +PID +PPID +%CPU +ELAPSED +TTY +TIME +COMMAND$/);
    expect(rows).toEqual([expect.stringMatching(/^1000 +1 +0 +[\d.]+ +[\d.hms]+ +\? +[\d.]+s +sleep 1000$/)]);
    const [, row = ''] = await lines('top', 'living', 'huser,hpid', 'seccomp', 'capeff');
    const [huser, hpid, ...confined] = row.split(/ +/);
    expect([Number(huser), confined]).toEqual([user.firstSubid + 999, ['filter', 'none']]);
    expect(user.run(['cat', `/proc/${hpid}/comm`]).stdout).toBe('sleep\n');
    expect(await run('top', 'living', 'shoe-size')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('usage.invalid'),
    });
    expect(await run('top', 'done')).toMatchObject({ status: 125, stderr: expect.stringContaining('container.state') });
  });
});

describe('stats', () => {
  it('says why it knows nothing of a container without a cgroup', async () => {
    const { status, stdout, stderr } = await run('stats', '--no-stream');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^iso-run: nothing is known of .* --: no .*\n$/)]);
    expect(stdout).toMatch(/^ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % .*\n\w{12} +living +-- +-- \/ -- .*\n$/);
    expect(JSON.parse((await run('stats', '--no-stream', '--json')).stdout)).toMatchObject([
      { Name: 'living', PIDS: '--' },
    ]);
  });
});

describe.each(['overlay', 'fuse-overlayfs'])('diff, of a container on %s', (driver) => {
  it('lists what was added, changed and deleted, and follows no link', async () => {
    const script = [
      'echo x > /root/new; rm /etc/passwd /bin/ls; echo y >> /etc/group',
      'mkdir /closed; echo z > /closed/in; chown -R 1000 /closed; chmod 700 /closed',
      'rm -r /var; mkdir /var; ln -s /etc /var/spool; ln -s / /root/out; touch "/root/odd\nname"',
    ];
    await run('run', '--name', driver, '--storage-driver', driver, 'base', 'sh', '-c', script.join('; '));
    const { status, stdout, stderr } = await run('diff', driver);
    expect([status, stderr]).toEqual([0, '']);
    const deleted = ['cache', 'lib', 'log', 'tmp'].map((name) => `D /var/${name}`);
    expect(stdout.trim().split('\n').sort()).toEqual(
      [
        ...['A /closed', 'A /closed/in', 'A /root/new', 'A /root/odd\\x0aname', 'A /root/out'],
        ...['C /bin', 'C /etc', 'C /etc/group', 'C /root', 'C /var', 'C /var/spool'],
        ...['D /bin/ls', 'D /etc/passwd', ...deleted],
      ].sort(),
    );
    expect(JSON.parse((await run('diff', '--json', driver)).stdout).deleted).toContain('/etc/passwd');
    await run('rm', driver);
  });
});

describe('events', () => {
  it('shows what happened, and what happens', async () => {
    expect(await lines('events', '--no-stream', '-f', 'container=done', '--format', '{{.Status}} {{.Image}}')).toEqual([
      'start base:latest',
      'exit base:latest',
    ]);
    const [line = ''] = await lines('events', '--no-stream', '-f', 'container=odd', '-f', 'event=start');
    expect(line).toMatch(/^20\S+Z container start [0-9a-f]{64} \(image=base:latest, name=odd\)$/);
    const watching = user.start(['events', '--json', '--filter', 'event=exit']);
    let output = '';
    watching.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    try {
      await until(async () => {
        await run('run', '--rm', '--name', 'seen', 'base', 'sh', '-c', 'exit 4');
        return output !== '';
      });
    } finally {
      watching.kill('SIGTERM');
    }
    expect(JSON.parse(output.split('\n')[0] ?? '')).toMatchObject({
      Status: 'exit',
      Name: 'seen',
      Attributes: { exitCode: 4 },
    });
    expect(await lines('events', '--no-stream', '--since', '2099-01-01')).toEqual([]);
  });
});

describe('inspect', () => {
  it('tells of a container that runs what it was given', async () => {
    const [shown] = JSON.parse((await run('inspect', 'living')).stdout);
    expect(shown).toMatchObject({
      Name: 'living',
      Image: 'base:latest',
      Path: 'sleep',
      Args: ['1000'],
      State: { Status: 'running', Running: true, Paused: false, OOMKilled: false, ExitCode: 0 },
      Config: { Cmd: ['sleep', '1000'], User: '1000:1001', WorkingDir: '/tmp', Hostname: 'inside', Tty: false },
      HostConfig: { ReadonlyRootfs: false, AutoRemove: false, NetworkMode: 'none' },
      Mounts: [{ Type: 'bind', Source: join(user.scratch, 'probe'), Destination: '/probe', RW: false }],
      BoundingCaps: [],
      EffectiveCaps: [],
      Plan: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(shown.Config.Env).toEqual(expect.arrayContaining(['A=b c', 'container=iso']));
    expect(user.run(['cat', `/proc/${shown.State.Pid}/comm`]).stdout).toBe('sleep\n');
    expect(Date.parse(shown.State.StartedAt)).toBeLessThan(Date.now());
  });

  it('tells of one that has ended how it ended, and of several in the order in which they are named', async () => {
    const { stdout } = await run(
      'inspect',
      '-f',
      '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}',
      'odd',
      'done',
    );
    expect(stdout).toBe('odd exited 0 0\ndone exited 3 0\n');
  });

  it.each([
    ['container.missing', ['inspect', 'absent']],
    ['usage.invalid', ['inspect']],
    ['usage.invalid', ['inspect', '-f', '{{.Nothing}}', 'done']],
    ['usage.invalid', ['inspect', '-f', '{{if .Name}}', 'done']],
    ['usage.invalid', ['ps', '-f', 'colour=red']],
    ['usage.invalid', ['events', '--no-stream', '-f', 'colour=red']],
    ['usage.invalid', ['events', '--since', 'yore']],
    ['usage.invalid', ['ps', '-f', 'status=happy']],
    ['usage.invalid', ['ps', '-n', '0']],
    ['container.missing', ['ps', '-f', 'since=absent']],
  ])('gives %s for %j', async (code, args) => {
    const { status, stderr } = await run(...args);
    expect([status, stderr]).toEqual([125, expect.stringContaining(`code: ${code}\n`)]);
  });
});
