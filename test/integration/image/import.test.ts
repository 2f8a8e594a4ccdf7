/** Images made, listed and removed by an ordinary user, through the built iso-run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installed } from '../../../src/sys/install.js';
import { ROOT_FILE_SYSTEM, tar } from '../tar-writer.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';
import { until } from '../until.js';

const COMPRESS = { tar: ['cat'], gz: ['gzip', '-c'], xz: ['xz', '-c', '-0'], zst: ['zstd', '-c', '-q'] } as const;

let user: ThrowawayUser;
let stranger: ThrowawayUser;

beforeAll(() => {
  user = makeUser();
  stranger = makeUser({ provisioned: false });
});
afterAll(() => {
  user?.remove();
  stranger?.remove();
});

function archive(name: string, bytes: Buffer): string {
  const file = join(user.scratch, name);
  writeFileSync(file, bytes);
  return file;
}

function compressed(kind: keyof typeof COMPRESS, bytes: Buffer): Buffer {
  const [program, ...args] = COMPRESS[kind];
  return execFileSync(program, args, { input: bytes });
}

async function emptyStore(): Promise<void> {
  const names = (await user.isoRun(['image', 'ls', '-q'])).stdout.split('\n').filter((name) => name !== '');
  for (const name of names) await user.isoRun(['image', 'rm', name]);
}

const layerOf = (json: string) => (JSON.parse(json) as { image: { layers: string[] } }).image.layers[0] ?? '';
const rootOf = (digest: string) => join(user.store, 'layers', digest.replace('sha256:', ''));

describe('image import', () => {
  beforeEach(emptyStore);

  for (const kind of ['tar', 'gz', 'xz', 'zst'] as const) {
    it(`takes a ${kind} archive, whatever its file is called`, async () => {
      const bytes = compressed(kind, tar(ROOT_FILE_SYSTEM));
      const { status, stdout, stderr } = await user.isoRun([
        'image',
        'import',
        '--json',
        archive('image.bin', bytes),
        'a',
      ]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(layerOf(stdout)).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
      const root = rootOf(layerOf(stdout));
      const stat = (path: string) => {
        const { uid, gid, mode } = lstatSync(join(root, path));
        return { uid, gid, mode: (mode & 0o7777).toString(8) };
      };
      const mapped = (id: number) => user.firstSubid + id - 1;
      expect(stat('.')).toEqual({ uid: user.uid, gid: user.uid, mode: '755' });
      expect(stat('bin/su')).toMatchObject({ uid: user.uid, mode: '4755' });
      expect(stat('etc/shadow')).toEqual({ uid: user.uid, gid: mapped(42), mode: '640' });
      expect(stat('var/www')).toEqual({ uid: mapped(33), gid: mapped(33), mode: '2700' });
      expect(stat('tmp').mode).toBe('1777');
      expect(lstatSync(join(root, 'bin/again')).ino).toBe(lstatSync(join(root, 'bin/sh')).ino);
      expect(lstatSync(join(root, 'run-pipe')).isFIFO()).toBe(true);
      expect(readdirSync(join(root, 'dev'))).toEqual([]);
    });
  }

  it('reads standard input', async () => {
    const input = compressed('gz', tar(ROOT_FILE_SYSTEM));
    const { status, stdout } = await user.isoRun(['image', 'import', '--json', '-', 'piped'], { input });
    expect(status).toBe(0);
    expect(layerOf(stdout)).toBe(`sha256:${createHash('sha256').update(input).digest('hex')}`);
  });

  it('keeps the store closed to others', async () => {
    await user.isoRun(['image', 'import', archive('image.tar', tar(ROOT_FILE_SYSTEM)), 'a']);
    for (const part of ['', 'images', 'layers', 'tmp', 'containers']) {
      expect(lstatSync(join(user.store, part)).mode & 0o777).toBe(0o700);
    }
    expect(lstatSync(join(user.store, 'images', 'a%3Alatest.json')).mode & 0o777).toBe(0o600);
  });

  it('is the same for any umask', async () => {
    const file = archive('image.tar', tar([{ name: 'opt/deep/file', text: 'x' }]));
    const script = 'umask 077; exec "$@"';
    const command = [process.execPath, user.program('iso-run.js'), 'image', 'import', '--json', file, 'masked'];
    const root = rootOf(layerOf(user.run(['sh', '-c', script, 'sh', ...command]).stdout));
    expect(lstatSync(join(root, 'opt/deep')).mode & 0o777).toBe(0o755);
  });

  it('shares a layer between names, and removes it with the last of them', async () => {
    const file = archive('image.tar', tar(ROOT_FILE_SYSTEM));
    await user.isoRun(['image', 'import', file, 'one']);
    await user.isoRun(['image', 'import', file, 'team/two:1.0']);
    expect(user.stored('layers')).toHaveLength(1);
    expect((await user.isoRun(['image', 'rm', 'one'])).status).toBe(0);
    expect(user.stored('layers')).toHaveLength(1);
    expect((await user.isoRun(['image', 'ls', '-q'])).stdout).toBe('team/two:1.0\n');
    expect((await user.isoRun(['image', 'rm', 'team/two:1.0'])).status).toBe(0);
    expect([user.stored('layers'), user.stored('images'), user.stored('tmp')]).toEqual([[], [], []]);
  });

  it('does nothing for the same image again, and replaces another one only with --force', async () => {
    const first = archive('first.tar', tar(ROOT_FILE_SYSTEM));
    const second = archive('second.tar', tar([...ROOT_FILE_SYSTEM, { name: './more', text: 'x' }]));
    await user.isoRun(['image', 'import', first, 'a']);
    const [layer = ''] = user.stored('layers');
    expect((await user.isoRun(['image', 'import', first, 'a'])).stdout).toContain('unchanged');
    expect(await user.isoRun(['image', 'import', '--json', second, 'a'])).toMatchObject({
      status: 125,
      code: 'image.exists',
    });
    expect(user.stored('layers')).toEqual([layer]);
    expect((await user.isoRun(['image', 'import', '--force', second, 'a'])).status).toBe(0);
    expect(user.stored('layers')).toHaveLength(1);
    expect(user.stored('layers')).not.toEqual([layer]);
  });

  it('refuses to remove or replace what a container was made from', async () => {
    const file = archive('image.tar', tar(ROOT_FILE_SYSTEM));
    const other = archive('other.tar', tar([...ROOT_FILE_SYSTEM, { name: './more', text: 'x' }]));
    await user.isoRun(['image', 'import', file, 'used']);
    const id = 'c'.repeat(64);
    const folder = join(user.store, 'containers', id);
    mkdirSync(folder);
    const record = {
      schema: 1,
      id,
      name: 'keeper',
      image: 'used:latest',
      command: ['true'],
      created: new Date().toISOString(),
      plan: `sha256:${'0'.repeat(64)}`,
      storageDriver: 'fuse-overlayfs',
      readOnly: false,
      limits: {},
    };
    writeFileSync(join(folder, 'container.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ status: 'exited', exitCode: 0 }));
    execFileSync('chown', ['-R', `${user.uid}:${user.uid}`, folder]);
    try {
      const removal = await user.isoRun(['image', 'rm', '--json', 'used']);
      expect(removal).toMatchObject({ status: 125, code: 'image.in-use' });
      expect(removal.stderr).toContain('keeper');
      const replacement = await user.isoRun(['image', 'import', '--force', '--json', other, 'used']);
      expect(replacement).toMatchObject({ status: 125, code: 'image.in-use' });
      expect(user.stored('layers')).toHaveLength(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('sweeps what a killed import left, and leaves a running one alone', async () => {
    const leftover = join(user.store, 'tmp', 'layer-dead');
    mkdirSync(join(leftover, 'root'), { recursive: true });
    chmodSync(join(leftover, 'root'), 0o700);
    const other = user.firstSubid + 99;
    execFileSync('chown', ['-R', `${other}:${other}`, join(leftover, 'root')]);
    execFileSync('chown', [`${user.uid}`, leftover]);
    const whole = tar(ROOT_FILE_SYSTEM);
    const first = await user.isoRun(['image', 'import', '-', 'slow'], {
      during: async ({ write, pid }) => {
        write(whole.subarray(0, 1024));
        await until(() => user.stored('tmp').length === 1 && !user.stored('tmp').includes('layer-dead'));
        expect((await user.isoRun(['image', 'import', archive('image.tar', whole), 'quick'])).status).toBe(0);
        expect(user.stored('tmp')).toHaveLength(1);
        process.kill(pid, 'SIGTERM');
      },
    });
    expect(first.status).toBe(125);
    expect(first.stderr).toContain('interrupted');
    expect([user.stored('tmp'), user.stored('images')]).toEqual([[], ['quick%3Alatest.json']]);
  });

  it('tells the audit trail', async () => {
    await user.isoRun(['image', 'import', archive('image.tar', tar(ROOT_FILE_SYSTEM)), 'told']);
    await user.isoRun(['image', 'import', archive('bad.tar', Buffer.from('no archive')), 'bad']);
    const trail = readFileSync(join(user.home, '.local/share/containers/run/events.jsonl'), 'utf8').trim().split('\n');
    const [success, failure] = trail.slice(-2).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(success).toMatchObject({ category: 'lifecycle', action: 'image.import', outcome: 'success', uid: user.uid });
    expect(success?.details).toMatchObject({ image: 'told:latest', digest: expect.stringMatching(/^sha256:/) });
    expect(failure).toMatchObject({ category: 'security', outcome: 'failure', error: { code: 'image.invalid' } });
  });
});

describe('image bootstrap', () => {
  beforeEach(emptyStore);

  it('makes a BusyBox image with the same digest every time', async () => {
    const first = await user.isoRun(['image', 'bootstrap', '--json', 'base']);
    expect(first.status).toBe(0);
    const root = rootOf(layerOf(first.stdout));
    expect(execFileSync(join(root, 'bin/busybox'), ['echo', 'alive'], { encoding: 'utf8' })).toBe('alive\n');
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^root:x:0:0:/);
    expect(lstatSync(join(root, 'tmp')).mode & 0o7777).toBe(0o1777);
    await user.isoRun(['image', 'rm', 'base']);
    const second = await user.isoRun(['image', 'bootstrap', '--json', 'base']);
    expect(layerOf(second.stdout)).toBe(layerOf(first.stdout));
    expect((await user.isoRun(['image', 'bootstrap', 'base'])).stdout).toContain('unchanged');
    const inspected = JSON.parse((await user.isoRun(['image', 'inspect', 'base'])).stdout);
    expect(inspected).toMatchObject({ name: 'base:latest', config: { cmd: ['/bin/sh'], workdir: '/' } });
  });

  it('refuses a suite that could be an option or a path', async () => {
    for (const suite of ['--help', '../etc', 'a b', '/etc/passwd', '']) {
      const ended = await user.isoRun(['image', 'bootstrap', '--json', 'deb', `--suite=${suite}`]);
      expect(ended).toMatchObject({ status: 125, code: 'usage.invalid' });
    }
  });
});

describe('errors', () => {
  it('names what is wrong with the request', async () => {
    const missing = await user.isoRun(['image', 'import', '--json', '/nonexistent.tar', 'a']);
    expect(missing).toMatchObject({ status: 125, code: 'archive.missing' });
    expect(await user.isoRun(['image', 'rm', '--json', 'never'])).toMatchObject({ status: 125, code: 'image.missing' });
    const name = await user.isoRun(['image', 'import', '--json', '/dev/null', '../../etc/x']);
    expect(name).toMatchObject({ status: 125, code: 'usage.invalid' });
    const secret = archive('secret.tar', tar(ROOT_FILE_SYSTEM));
    chmodSync(secret, 0);
    expect(await user.isoRun(['image', 'import', '--json', secret, 'a'])).toMatchObject({ code: 'permission.denied' });
  });

  it('tells a user without subordinate ids whom to ask', async () => {
    const ended = await stranger.isoRun(['image', 'bootstrap', '--json', 'base']);
    expect(ended).toMatchObject({ status: 125, code: 'user.not-provisioned' });
    expect(ended.stderr).toContain(`iso-setup user ${stranger.name}`);
  });

  it.each([['image', 'ls'], ['ps'], ['run', 'base'], ['rm', 'any']])('refuses root: %s %s', (...args) => {
    const { status, stderr } = spawnSync(process.execPath, [installed('iso-run.js'), ...args], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([125, expect.stringContaining('code: user.refused')]);
  });
});
