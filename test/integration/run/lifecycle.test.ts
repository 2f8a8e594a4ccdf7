import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Member, tar } from '../tar-writer.js';
import { until } from '../until.js';
import { giveTo, makeRunUser, pidsOf, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const left = () => readdirSync(join(user.store, 'containers'));

describe('exit statuses', () => {
  it.each([
    [0, ['true']],
    [7, ['sh', '-c', 'exit 7']],
    [125, ['sh', '-c', 'exit 125']],
    [127, ['no-such-command']],
    [127, ['/no/such/command']],
    [127, ['']],
    [126, ['/etc/passwd']],
    [126, ['/etc']],
  ])('%i for %j, and nothing is left', async (expected, command) => {
    const { status } = await user.isoRun(['run', '--rm', 'base', ...command]);
    expect(status).toBe(expected);
    expect(left()).toEqual([]);
  });

  it('leaves nothing of a launch that failed, also without --rm', async () => {
    const { status, stderr } = await user.isoRun(['run', '-w', '/nowhere', 'base', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/cannot change to the working directory \/nowhere\n {2}why: .*ENOENT.*--workdir/);
    expect(left()).toEqual([]);
  });
});

describe('bad input', () => {
  it.each([
    ['image.missing', ['run', 'absent', 'true']],
    ['usage.invalid', ['run', '--memory', 'lots', 'base', 'true']],
    ['usage.invalid', ['run', '--pids-limit', '0', 'base', 'true']],
    ['usage.invalid', ['run', '-v', 'nonsense', 'base', 'true']],
    ['usage.invalid', ['run', '-u', 'nobody-here', 'base', 'true']],
    ['usage.invalid', ['run', '-u', '70000', 'base', 'true']],
    ['usage.invalid', ['run', '--bogus', 'base', 'true']],
    ['usage.invalid', ['run']],
    ['usage.invalid', ['bogus']],
    ['usage.invalid', []],
    ['controller.missing', ['run', '--memory', '64m', 'base', 'true']],
    ['volume.missing', ['run', '-v', '/no/such/place:/x', 'base', 'true']],
    ['volume.missing', ['run', '-v', '/root/secret:/x', 'base', 'true']],
    ['run.op-failed', ['run', '-v', '/etc/hostname:/etc/passwd/x', 'base', 'true']],
    ['container.missing', ['rm', 'absent']],
  ])('gives %s for %j', async (code, args) => {
    const { status, stderr } = await user.isoRun(args);
    expect(stderr).toMatch(new RegExp(`^iso-run: .*\\n {2}why: .+\\n( {2}hint: .+\\n)? {2}code: ${code}\\n$`));
    expect(status).toBe(125);
    expect(left()).toEqual([]);
  });

  it('records refusals in the trail', async () => {
    await user.isoRun(['run', '-v', `${user.home}/.local/share/containers:/x`, 'base', 'true']);
    const { stdout } = await user.isoRun(['run', '--rm', 'base', 'true']);
    expect(stdout).toBe('');
    const events = (await import('node:fs')).readFileSync(
      join(user.home, '.local/share/containers/run/events.jsonl'),
      'utf8',
    );
    const parsed = events
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(parsed.filter(({ action }) => action === 'container.refuse').at(-1)).toMatchObject({
      category: 'permission',
      outcome: 'failure',
      uid: user.uid,
      error: { code: 'volume.refused' },
    });
    const start = parsed.findLast(({ action }) => action === 'container.start');
    expect(start).toMatchObject({ outcome: 'success', origin: 'self' });
    expect(start.plan).toMatch(/^sha256:/);
  });
});

describe('volumes', () => {
  it('are bound read-write or read-only, files and directories, without set-id and devices', async () => {
    const source = join(user.scratch, 'data');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'content\n');
    giveTo(user, source);
    giveTo(user, join(source, 'file'));
    const script =
      'cat /data/deep/file /one; touch /data/deep/new; touch /ro/x; grep -E " (/data/deep|/ro) " /proc/self/mountinfo';
    const volumes = ['-v', `${source}:/data/deep`, '-v', `${source}:/ro:ro`, '-v', `${source}/file:/one`];
    const { stdout, stderr } = await user.isoRun(['run', '--rm', ...volumes, 'base', 'sh', '-c', script]);
    expect(stdout).toMatch(/^content\ncontent\n/);
    expect(stdout).toMatch(/\/data\/deep rw,nosuid,nodev/);
    expect(stdout).toMatch(/\/ro ro,nosuid,nodev/);
    expect(stderr).toContain('Read-only file system');
    expect(readdirSync(source).sort()).toEqual(['file', 'new']);
  });

  it('never show the directories of the toolkit', async () => {
    const { stdout } = await user.isoRun([
      'run',
      '--rm',
      '-v',
      `${user.home}:/h`,
      'base',
      'find',
      '/h/.local/share/containers',
    ]);
    expect(stdout).toBe('/h/.local/share/containers\n');
    symlinkSync(join(user.home, '.local/share/containers'), join(user.scratch, 'link'));
    const { stderr, status } = await user.isoRun(['run', '--rm', '-v', `${user.scratch}/link:/x`, 'base', 'true']);
    expect([status, /volume\.refused/.test(stderr)]).toEqual([125, true]);
  });
});

describe('hostile images', () => {
  const base = [{ name: './', type: 'directory' as const }];
  it.each(['proc', 'sys', 'dev'])('with a symbolic link in the place of /%s are refused', async (name) => {
    const file = join(user.scratch, `link-${name}.tar`);
    writeFileSync(
      file,
      tar([...base, { name: `./${name}`, type: 'symlink', link: '/tmp' }, { name: './tmp', type: 'directory' }]),
    );
    await user.isoRun(['image', 'import', file, `link-${name}`]);
    const { status, stderr } = await user.isoRun(['run', '--rm', `link-${name}`, '/x']);
    expect(status).toBe(125);
    expect(stderr).toMatch(new RegExp(`cannot mount \\w+ on /${name}\\n {2}why: .*ELOOP`));
    expect(left()).toEqual([]);
  });

  it.each([
    // Followed inside the container's root, where there is such a directory, or there is none.
    ['leads to a directory of the container', '../../../../../tmp', 0],
    ['leads to a path of the host', '/tmp/../..', 0],
    ['leads nowhere', '/no/such/place', 125],
  ])('with a symbolic link on the way to a mount point that %s reach nothing outside', async (_, link, expected) => {
    const file = join(user.scratch, 'link.tar');
    const entries: Member[] = [
      ...base,
      { name: './tmp/', type: 'directory' },
      { name: './data', type: 'symlink', link },
    ];
    writeFileSync(file, tar(entries));
    expect((await user.isoRun(['image', 'import', '--force', file, 'link'])).stderr).toBe('');
    const before = [...readdirSync(user.scratch), ...readdirSync('/')];
    const probe = ['-v', `${user.scratch}/probe:/data/new:ro`, 'link', '/data/new/probe'];
    const { status } = await user.isoRun(['run', '--rm', ...probe]);
    expect(status).toBe(expected);
    expect([...readdirSync(user.scratch), ...readdirSync('/')]).toEqual(before);
  });
});

describe('ps and rm', () => {
  it('list what runs and what ended, and remove it, files of subordinate ids included', async () => {
    await user.isoRun([
      'run',
      '--name',
      'kept',
      'base',
      'sh',
      '-c',
      'mkdir -m 700 /own; touch /own/f; chown -R 1000 /own; exit 3',
    ]);
    const child = user.start(['run', '--name', 'live', 'base', 'sleep', '1000'], 'ignore');
    const listed = async (...flags: string[]) => JSON.parse((await user.isoRun(['ps', '--json', ...flags])).stdout);
    await until(async () => (await listed()).length === 1);
    expect((await listed())[0]).toMatchObject({ name: 'live', running: true, status: 'running', image: 'base:latest' });
    expect((await listed('-a')).find(({ name }: { name: string }) => name === 'kept')).toMatchObject({
      running: false,
      status: 'exited',
      exitCode: 3,
    });
    expect((await user.isoRun(['ps', '-a'])).stdout).toMatch(/Exited \(3\).*kept\n/);
    expect((await user.isoRun(['run', '--name', 'kept', 'base', 'true'])).stderr).toContain('container.exists');
    expect((await user.isoRun(['rm', 'live'])).stderr).toContain('container.running');
    expect((await user.isoRun(['rm', '-f', 'live', 'kept'])).stdout).toBe('live\nkept\n');
    await new Promise((resolve) => (child.exitCode === null ? child.on('close', resolve) : resolve(0)));
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    expect(left()).toEqual([]);
  });

  it('give a name to one of many launches at once', async () => {
    const run = () => user.isoRun(['run', '--name', 'wanted', 'base', 'true']);
    const statuses = (await Promise.all([run(), run(), run(), run(), run()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([0, 125, 125, 125, 125]);
    expect((await user.isoRun(['rm', 'wanted'])).stdout).toBe('wanted\n');
  });

  it('survives many launches at once', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, () => user.isoRun(['run', '--rm', 'base', 'hostname'])));
    expect(runs.map(({ status }) => status)).toEqual(Array(8).fill(0));
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(8);
    expect(left()).toEqual([]);
  });
});

describe('plan', () => {
  it('prints every op and the same digest each time', async () => {
    const plan = async () => (await user.isoRun(['plan', 'run', 'base', 'true'])).stdout;
    const first = await plan();
    expect(first).toBe(await plan());
    expect(first).toMatch(/digest: sha256:[0-9a-f]{64}\n$/);
    const json = JSON.parse((await user.isoRun(['plan', 'run', '--json', 'base', 'true'])).stdout);
    expect(first).toContain(json.digest);
    expect(first.split('\n').filter((line) => /^ +\d+ {2}/.test(line))).toHaveLength(json.ops.length);
    expect(left()).toEqual([]);
  });

  it('warns that a detached container ends with the last login, where a manager of systemd runs without linger', async () => {
    const warnings = async (...options: string[]) =>
      JSON.parse((await user.isoRun(['plan', 'run', '--json', ...options, 'base', 'true'])).stdout).warnings.join('\n');
    const ends = `it ends with the last login of ${user.name}, since linger is off`;
    expect(await warnings('-d')).not.toContain(ends);
    // By this file iso-run knows a manager; a plan asks nothing of it.
    const runtime = `/run/user/${user.uid}`;
    try {
      mkdirSync(`${runtime}/systemd`, { recursive: true });
      writeFileSync(`${runtime}/systemd/private`, '');
      expect(await warnings('-d')).toContain(`${ends}: \`loginctl enable-linger ${user.name}\` lets it go on`);
      expect(await warnings()).not.toContain(ends);
    } finally {
      rmSync(runtime, { recursive: true, force: true });
    }
  });
});
