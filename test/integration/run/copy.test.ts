/** Files between containers and the host, where the container tries to lead them astray. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { giveTo, makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
let place: string;
let count = 0;
const run = (...args: string[]) => user.isoRun(args);
const inside = (script: string) => run('exec', '-u', '0', 'main', 'sh', '-c', script);

beforeAll(async () => {
  user = await makeRunUser();
  user.start(['run', '--name', 'main', '-u', '1000:1001', 'base', 'sleep', '1000'], 'ignore');
  await until(async () => (await run('ps')).stdout.includes('main'));
}, 60_000);
afterAll(() => user?.remove());
beforeEach(async () => {
  count += 1;
  place = join(user.scratch, `place-${count}`);
  mkdirSync(place);
  giveTo(user, place);
  await inside('rm -rf /work; mkdir /work');
});

const LONG = 'n'.repeat(150);

/** A tree with what tar streams stumble over. */
function makeTree(): string {
  const tree = join(place, 'tree');
  user.sh(`cd ${place}; mkdir -p tree/sub; echo one > tree/file; : > tree/empty; head -c 100000 /dev/zero > tree/large
    ln -s ../outside tree/link; printf '#!/bin/sh\\necho ran\\n' > tree/script; chmod 751 tree/script
    echo long > tree/sub/${LONG}; ln -s ${LONG} tree/sub/l-${LONG}; echo odd > 'tree/- *odd'; chmod 700 tree/sub`);
  return tree;
}

const LIST = 'find . | sort; cat file sub/n*; readlink link; wc -c < large; stat -c %a script sub';

describe('what is copied', () => {
  it('is the same inside and after it has come back', async () => {
    const tree = makeTree();
    const listed = user.sh(`cd ${tree}; ${LIST}`);
    expect(await run('cp', tree, 'main:/work')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect((await inside(`cd /work/tree; ${LIST}`)).stdout).toBe(listed);
    expect((await inside('/work/tree/script; stat -c %u:%g /work/tree/file')).stdout).toBe('ran\n1000:1001\n');
    expect(await run('cp', 'main:/work/tree', join(place, 'back'))).toMatchObject({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(user.sh(`cd ${place}/back; ${LIST}`)).toBe(listed);
    expect(statSync(join(place, 'back/sub')).uid).toBe(user.uid);
    expect(readdirSync(place).sort()).toEqual(['back', 'tree']);
  });

  it('goes into a directory that is there, or becomes what is named', async () => {
    writeFileSync(join(place, 'file'), 'text');
    const results = await Promise.all([
      run('cp', join(place, 'file'), 'main:/work'),
      run('cp', join(place, 'file'), 'main:/work/other'),
      run('cp', `${place}/.`, 'main:/work'),
    ]);
    expect(results.map(({ status, stderr }) => [status, stderr])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
    expect((await inside('cd /work; ls; cat other')).stdout).toBe('file\nother\ntext');
    await run('cp', 'main:/work/.', place);
    await run('cp', 'main:/work/other', join(place, 'third'));
    expect(readdirSync(place).sort()).toEqual(['file', 'other', 'third']);
  });

  it('can be a tar archive on standard input and output', async () => {
    const tree = makeTree();
    const archive = user.run(['sh', '-c', `${process.execPath} ${user.program('iso-run.js')} cp main:/etc - | tar -t`]);
    expect(archive.stdout).toMatch(/^etc\/\n(etc\/.*\n)*etc\/passwd\n/);
    for (const format of ['pax', 'gnu', 'ustar']) {
      const names = format === 'ustar' ? 'tree/file tree/large' : 'tree';
      const command = `cd ${place}; tar -c --format=${format} -f - ${names} | ${process.execPath} ${user.program('iso-run.js')} cp - main:/work`;
      expect(user.run(['sh', '-c', command])).toMatchObject({ status: 0, stderr: '' });
      expect((await inside('cd /work/tree; cat file; wc -c < large; rm -rf /work/tree')).stdout).toBe('one\n100000\n');
    }
    expect(existsSync(tree)).toBe(true);
  });
});

describe('a container that does not run', () => {
  afterEach(async () => {
    await run('rm', '-f', 'still');
  });

  it.each([
    ['was created', ['create']],
    ['has ended', ['run', '--init']],
    ['has ended without a session', ['run', '--direct']],
  ])('%s: its files come and go all the same, and it is as it was', async (_, words) => {
    const options = ['--name', 'still', '-u', '1000:1001', '-t', '-v', `${place}:/bound`, '-v', 'still-data:/data'];
    await run(...words, ...options, 'base', 'true');
    const tree = makeTree();
    const before = (await run('inspect', 'still')).stdout;
    const events = async () =>
      (await run('events', '--no-stream', '--filter', 'container=still')).stdout.split('\n').length;
    const happened = await events();
    expect(await run('cp', tree, 'still:/tmp')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(await run('cp', `${tree}/file`, 'still:/data/new')).toMatchObject({ status: 0, stderr: '' });
    expect(await run('cp', 'still:/tmp/tree', join(place, 'back'))).toMatchObject({ status: 0, stderr: '' });
    expect(user.sh(`cd ${place}/back; ${LIST}`)).toBe(user.sh(`cd ${tree}; ${LIST}`));
    expect(await events()).toBe(happened + 3);
    expect((await run('inspect', 'still')).stdout).toBe(before);
    expect((await run('start', 'still')).stderr).toBe('');
    await run('wait', 'still');
    const seen = ['run', '--rm', '-v', 'still-data:/d', 'base', 'sh', '-c', 'cat /d/new; stat -c %u:%g /d/new'];
    expect((await run(...seen)).stdout).toBe('one\n1000:1001\n');
    expect((await run('cp', 'still:/no/such/file', place)).stderr).toMatch(/code: tool\.failed/);
    await run('rm', 'still');
    await run('volume', 'rm', 'still-data');
  });
});

describe('a container', () => {
  it('sees nothing of the host through its links', async () => {
    writeFileSync(join(user.scratch, 'secret'), 'secret');
    await inside(
      `mkdir /work/d; ln -s ${user.scratch}/secret /work/d/s; ln -s ${user.scratch} /work/up; ln -s /proc/self/root/etc /work/r`,
    );
    await run('cp', 'main:/work/d', place);
    expect(readlinkSync(join(place, 'd/s'))).toBe(`${user.scratch}/secret`);
    expect((await run('cp', 'main:/work/up/secret', place)).status).toBe(125);
    writeFileSync(join(place, 'new'), 'new');
    await run('cp', join(place, 'new'), 'main:/work/up/planted');
    await run('cp', join(place, 'new'), 'main:/work/r/planted');
    expect(existsSync(join(user.scratch, 'planted'))).toBe(false);
    expect(existsSync('/etc/planted')).toBe(false);
    expect((await inside('cat /etc/planted')).stdout).toBe('new');
  });

  it('writes to nothing outside of what is named, neither at once nor by a link that it left before', async () => {
    writeFileSync(join(place, 'canary'), 'canary');
    mkdirSync(join(place, 'nest'));
    giveTo(user, join(place, 'canary'));
    giveTo(user, join(place, 'nest'));
    await inside('mkdir /work/d; ln -s ../canary /work/d/file; ln -s ../nest /work/d/dir; ln -s . /work/d/self');
    expect((await run('cp', 'main:/work/d', place)).status).toBe(0);
    await inside(
      'cd /work/d; rm file dir self; echo planted > file; mkdir dir self; echo planted > dir/egg; echo x > self/y',
    );
    await run('cp', 'main:/work/d', place);
    expect(readFileSync(join(place, 'canary'), 'utf8')).toBe('canary');
    expect([readdirSync(join(place, 'nest')), readdirSync(place).sort()]).toEqual([[], ['canary', 'd', 'nest']]);
    expect(lstatSync(join(place, 'd/file')).isSymbolicLink()).toBe(false);
  });

  it('gives no file that runs as its owner, no device and no socket', async () => {
    await inside(
      'cp /bin/busybox /work/suid; chmod 6755 /work/suid; mkfifo /work/fifo; mkdir /work/closed; chmod 0 /work/closed',
    );
    expect((await run('cp', 'main:/work/.', place)).status).toBe(0);
    expect(lstatSync(join(place, 'suid')).mode & 0o7777).toBe(0o755);
    expect(readdirSync(place).sort()).toEqual(['closed', 'suid']);
  });

  it("has no other way to the program that copies than every file of root's", async () => {
    const before = readFileSync(user.program('iso-copy'));
    const watch =
      'while :; do for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in iso-copy) echo x >> $p/exe;; esac; done; done';
    const watching = user.start(['exec', '-u', '0', 'main', 'sh', '-c', watch], 'ignore');
    try {
      await inside('head -c 20000000 /dev/zero > /work/large');
      for (let tries = 0; tries < 3; tries += 1) expect((await run('cp', 'main:/work/large', place)).status).toBe(0);
    } finally {
      watching.kill('SIGKILL');
    }
    expect(readFileSync(user.program('iso-copy'))).toEqual(before);
  });
});

describe('what is refused', () => {
  it.each([
    ['usage.invalid', 'cp /a /b'],
    ['usage.invalid', 'cp main:/a main:/b'],
    ['usage.invalid', 'cp main:/etc/passwd /no/such/place/file'],
    ['container.missing', 'cp absent:/a /tmp'],
    ['volume.missing', 'cp /no/such/file main:/'],
    ['tool.failed', 'cp main:/no/such/file .'],
    ['tool.failed', 'cp /etc/passwd main:/no/such/place/file'],
    ['tool.failed', 'cp /etc/passwd main:/proc/version'],
  ])('%s for %j', async (code, args) => {
    const { status, stderr } = await run(...args.split(' '));
    expect([status, stderr]).toEqual([125, expect.stringContaining(`code: ${code}\n`)]);
    expect(readdirSync(user.home).filter((name) => name.startsWith('.iso-cp-'))).toEqual([]);
  });

  it('is a source that is a link to nowhere, and one that the user may not read', async () => {
    symlinkSync('/nowhere', join(place, 'dangling'));
    expect((await run('cp', join(place, 'dangling'), 'main:/work')).status).toBe(125);
    expect((await run('cp', '/etc/shadow', 'main:/work')).status).toBe(125);
  });
});
