/** Volumes by name: made, shared, kept and removed. */
import { existsSync, readdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
const folder = () => join(user.store, 'volumes');
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const iso = async (...args: string[]) => {
  const { status, stdout, stderr } = await user.isoRun(args);
  return `${status}: ${stdout}${stderr}`;
};
const sh = (options: string[], script: string) => iso('run', '--rm', ...options, 'base', 'sh', '-c', script);

describe('a named volume', () => {
  beforeEach(async () => {
    await iso('volume', 'prune', '--all', '--force');
  });

  it('is made by the first run, and keeps what it holds for the next', async () => {
    expect(await sh(['-v', 'data:/d'], 'echo kept >/d/f; mkdir /d/sub; chown 1000:7 /d/f')).toBe('0: ');
    expect(await sh(['--mount', 'type=volume,src=data,dst=/e,ro'], 'cat /e/f; stat -c %u:%g /e/f; touch /e/x')).toMatch(
      /^1: kept\n1000:7\ntouch: .*Read-only/,
    );
    expect(statSync(join(folder(), 'data')).mode & 0o777).toBe(0o700);
    // Files of other ids than the user's own go with it.
    expect(await iso('volume', 'rm', 'data')).toBe('0: data\n');
    expect(readdirSync(folder())).toEqual([]);
    expect(readdirSync(join(user.store, 'tmp'))).toEqual([]);
  });

  it('begins with the owner and mode of what it covers, once', async () => {
    expect(await sh(['-v', 'tmp:/tmp'], 'stat -c "%a %u" /tmp; chmod 700 /tmp; touch /tmp/x')).toBe('0: 1777 0\n');
    expect(await sh(['-v', 'tmp:/tmp'], 'stat -c %a /tmp')).toBe('0: 700\n');
    expect(await sh(['-v', 'plain:/tmp:nocopy'], 'stat -c %a /tmp')).toBe('0: 755\n');
  });

  it('begins with what the image has in its place, once', async () => {
    const archive = join(user.scratch, 'filled.tar');
    const [layer = ''] = user.stored('layers');
    user.sh(`cd ${user.scratch} && cp -a ${user.store}/layers/${layer} tree && mkdir -p tree/data/sub && cd tree/data &&
      ln -s sub/f link && chmod 2750 sub && mkfifo pipe && cp ../bin/busybox suid && chmod 4755 suid && cd .. &&
      tar --owner=0 --group=0 -cf ${archive} . && echo own > data/sub/f && chmod 640 data/sub/f &&
      tar --owner=7 --group=8 --mtime=@1000000000 -rf ${archive} ./data/sub/f`);
    expect(await iso('image', 'import', archive, 'filled')).toMatch(/^0: filled/);
    const look =
      'cd /d && find . | sort && stat -c "%a %u:%g %Y" sub/f && stat -c %a sub suid && readlink link && cat sub/f';
    const shown = '.\n./link\n./sub\n./sub/f\n./suid\n640 7:8 1000000000\n750\n755\nsub/f\nown\n';
    const there = (volume: string) =>
      iso('run', '--rm', '-v', volume, 'filled', 'sh', '-c', look.replace('/d', '/data'));
    expect(await there('seeded:/data')).toBe(`0: ${shown}`);
    expect(await sh(['-v', 'seeded:/d'], `${look}; rm sub/f`)).toBe(`0: ${shown}`);
    expect(await iso('run', '--rm', '-v', 'seeded:/data', 'filled', 'ls', '/data/sub')).toBe('0: ');
    expect(await iso('run', '--rm', '-v', 'bare:/data:nocopy', 'filled', 'ls', '/data')).toBe('0: ');
    // Several that find it empty at the same time.
    const many = Array.from({ length: 4 }, () => there('shared:/data'));
    expect(await Promise.all(many)).toEqual(Array(4).fill(`0: ${shown}`));
    await iso('image', 'rm', 'filled');
  });

  it('is listed, described, and not removed while a container has it', async () => {
    expect(await iso('volume', 'create', '--label', 'a=1', 'one')).toBe('0: one\n');
    expect(await iso('volume', 'create', 'one')).toMatch(/^125: [\s\S]*code: volume\.exists/);
    expect(JSON.parse((await user.isoRun(['volume', 'inspect', 'one'])).stdout)).toMatchObject([
      { Name: 'one', Driver: 'local', Labels: { a: '1' }, Anonymous: false },
    ]);
    await iso('run', '--name', 'holder', '-v', 'one:/d', 'base', 'true');
    expect(await iso('volume', 'rm', 'one')).toMatch(/^125: [\s\S]*holder has it[\s\S]*code: volume\.in-use/);
    expect(await iso('rm', 'holder')).toBe('0: holder\n');
    expect(await iso('volume', 'ls')).toBe('0: DRIVER  VOLUME NAME\nlocal   one\n');
    expect(await iso('volume', 'rm', 'none')).toMatch(/code: volume\.missing/);
    for (const name of ['../x', '', '.', 'a/b', '-x']) expect(await iso('volume', 'rm', '--', name)).toMatch(/^125: /);
  });

  it('is what was made for it, whatever is put in its place', async () => {
    await iso('volume', 'create', 'one');
    rmdirSync(join(folder(), 'one/_data'));
    symlinkSync(join(user.home, '.local/share/containers'), join(folder(), 'one/_data'));
    expect(await sh(['-v', 'one:/d'], 'ls /d')).toMatch(/^125: [\s\S]*code: volume\.refused/);
    writeFileSync(join(folder(), 'one/volume.json'), '{}');
    expect(await iso('volume', 'ls')).toMatch(/^125: [\s\S]*code: volume\.invalid/);
    expect(await iso('volume', 'rm', 'one')).toBe('0: one\n');
  });
});

describe('a volume without a name', () => {
  it('goes with a container that goes at its end', async () => {
    expect(await sh(['-v', '/d', '--mount', 'type=volume,dst=/e'], 'touch /d/x /e/x; chown 5 /d/x')).toBe('0: ');
    expect(readdirSync(folder())).toEqual([]);
  });

  it('stays with one that stays, and is pruned after it', async () => {
    await iso('run', '--name', 'stays', '-v', '/d', 'base', 'touch', '/d/x');
    const [name = ''] = readdirSync(folder());
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(await iso('volume', 'prune', '--force')).toBe('0: ');
    await iso('rm', 'stays');
    expect(await iso('volume', 'prune')).toBe(`0: ${name}\n`);
    expect(existsSync(join(folder(), name))).toBe(true);
    expect(await iso('volume', 'prune', '--force')).toBe(`0: ${name}\n`);
    expect(readdirSync(folder())).toEqual([]);
  });

  it('goes with its container where that is asked for, and one with a name does not', async () => {
    await iso('run', '--name', 'both', '-v', '/d', '-v', 'named:/e', 'base', 'true');
    expect(readdirSync(folder())).toHaveLength(2);
    expect(await iso('rm', '--volumes', 'both')).toBe('0: both\n');
    expect(await iso('volume', 'rm', ...readdirSync(folder()))).toBe('0: named\n');
  });

  it('is not left by a run that came to nothing, and a plan makes none', async () => {
    expect(await iso('run', '--name', 'taken', 'base', 'true')).toBe('0: ');
    expect(await iso('run', '--name', 'taken', '-v', '/d', 'base', 'true')).toMatch(/code: container\.exists/);
    expect(await iso('run', '-v', '/d', '--user', 'nobody-there', 'base', 'true')).toMatch(/^125/);
    expect(await iso('plan', 'run', '-v', '/d', '-v', 'named:/e', 'base', 'true')).toMatch(/adopt/);
    expect(readdirSync(folder())).toEqual([]);
    await iso('rm', 'taken');
  });
});
