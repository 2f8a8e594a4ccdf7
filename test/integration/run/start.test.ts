/** Containers that are made first and launched later, or again: `create`, `start`. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { giveTo, makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const containers = () => join(user.store, 'containers');
const fileOf = (id: string, file: string) => join(containers(), id, file);
const outputOf = (id: string) =>
  readFileSync(fileOf(id, 'ctr.log'), 'utf8')
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '))
    .join('\n');
const listed = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);
const only = async () => (await listed())[0];
const ended = () => until(async () => (await only())?.running === false && pidsOf(user, 'iso-monitor').length === 0);
const start = (...names: string[]) => user.isoRun(['start', ...names]);

async function created(args: readonly string[], options: readonly string[] = []): Promise<string> {
  const { status, stdout, stderr } = await user.isoRun(['create', '--name', 'one', ...options, 'base', ...args]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trim();
}

afterEach(async () => {
  const names = (await listed()).map(({ name }) => String(name));
  if (names.length > 0) await user.isoRun(['rm', '-f', ...names]);
  await until(() => pidsOf(user, 'iso-monitor').length === 0);
  expect(existsSync(containers()) ? readdirSync(containers()) : []).toEqual([]);
});

describe('create', () => {
  it('makes a container that holds its name and its image, and runs nothing', async () => {
    const id = await created(['true']);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await listed()).toMatchObject([{ id, name: 'one', status: 'created', running: false }]);
    expect((await user.isoRun(['ps', '-a'])).stdout).toMatch(/Created +one\n/);
    expect((await user.isoRun(['ps'])).stdout).not.toContain('one');
    expect((await user.isoRun(['create', '--name', 'one', 'base', 'true'])).stderr).toContain('container.exists');
    expect((await user.isoRun(['image', 'rm', 'base'])).stderr).toContain('image.in-use');
    expect(pidsOf(user, 'iso-monitor')).toEqual([]);
    expect((await listed()).length).toBe(1);
    const events = readFileSync(join(user.home, '.local/share/containers/run/events.jsonl'), 'utf8');
    const actions = events
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ container }) => container?.id === id);
    expect(actions).toMatchObject([{ action: 'container.create', outcome: 'success' }]);
  });
});

describe('start', () => {
  it('launches it, and again with the files and the name that it has', async () => {
    const script = 'echo x >> /file; wc -l < /file; hostname; echo "$A"; exit 3';
    const id = await created(['sh', '-c', script], ['-e', 'A=a "b"', '--hostname', 'here']);
    for (const round of [1, 2, 3]) {
      expect(await start('one')).toMatchObject({ status: 0, stdout: 'one\n', stderr: '' });
      await ended();
      expect(await only()).toMatchObject({ id, status: 'exited', exitCode: 3 });
      expect(outputOf(id).endsWith(`${round}\nhere\na "b"\n`)).toBe(true);
    }
    expect(readdirSync(join(user.store, 'names'))).toEqual(['one']);
  });

  it('is for containers of every kind of run, whatever launched them', async () => {
    for (const options of [[], ['-d'], ['--direct'], ['-d', '--direct'], ['--storage-driver', 'overlay']]) {
      await user.isoRun([
        'run',
        '--name',
        'one',
        ...options,
        'base',
        'sh',
        '-c',
        '[ ! -e /x ] || sleep 1000; touch /x',
      ]);
      await ended();
      expect(await start('one')).toMatchObject({ status: 0, stderr: '' });
      expect(await only()).toMatchObject({ running: true });
      // One that runs is what was asked for.
      expect(await start('one')).toMatchObject({ status: 0, stdout: 'one\n' });
      expect(pidsOf(user, 'iso-monitor')).toHaveLength(1);
      expect((await user.isoRun(['rm', '-f', 'one'])).status).toBe(0);
    }
  });

  it('happens once when many ask for it at once', async () => {
    await created(['sleep', '1000']);
    const all = await Promise.all(Array.from({ length: 5 }, () => start('one')));
    expect(all.some(({ status }) => status === 0)).toBe(true);
    for (const { status, stderr } of all) expect(status === 0 || stderr.includes('container.running')).toBe(true);
    await until(() => pidsOf(user, 'iso-monitor').length === 1);
    expect(pidsOf(user, 'sleep')).toHaveLength(1);
  });

  it('works after the monitor was killed', async () => {
    await created(['sleep', '1000']);
    await start('one');
    signalOne(user, 'iso-monitor', 'SIGKILL');
    await ended();
    expect(await start('one')).toMatchObject({ status: 0, stderr: '' });
    expect(await only()).toMatchObject({ running: true });
  });

  it('removes what was created with --rm when it ends', async () => {
    await created(['true'], ['--rm']);
    expect((await start('one')).status).toBe(0);
    await until(async () => (await listed()).length === 0);
  });

  it('that fails leaves the container as it was', async () => {
    const source = join(user.scratch, 'source');
    mkdirSync(source);
    giveTo(user, source);
    // A word that the payload cannot be executed for; a directory that is not there; a source that went away.
    const id = await created(['/no/such'], ['-w', '/tmp', '-v', `${source}:/data`]);
    const before = [await listed(), readdirSync(join(containers(), id)).sort()];
    expect(await start('one')).toMatchObject({ status: 127, stderr: expect.stringContaining('code: run.not-found') });
    renameSync(source, `${source}.moved`);
    expect(await start('one')).toMatchObject({ status: 125, stderr: expect.stringContaining('code: volume.missing') });
    symlinkSync(join(user.home, '.local/share/containers'), source);
    expect(await start('one')).toMatchObject({ status: 125, stderr: expect.stringContaining('code: volume.refused') });
    rmSync(source);
    symlinkSync(`${source}.moved`, source);
    expect(await start('one')).toMatchObject({ status: 125, stderr: expect.stringContaining('is now a link') });
    rmSync(source);
    mkdirSync(source);
    expect(await start('one')).toMatchObject({ status: 127 });
    rmSync(fileOf(id, 'attach'), { force: true });
    rmSync(fileOf(id, 'ctr.log'), { force: true });
    expect([await listed(), readdirSync(join(containers(), id)).sort()]).toEqual(before);
    expect(pidsOf(user, 'fuse-overlayfs')).toEqual([]);
    expect(pidsOf(user, 'iso-monitor')).toEqual([]);
  });

  it.each<[string, string, (id: string) => void]>([
    ['host', 'open the log', (id) => mkdirSync(fileOf(id, 'ctr.log'))],
    ['session', 'mount the image', (id) => rmSync(fileOf(id, 'merged'), { recursive: true })],
    ['container', 'bind .*hosts', (id) => rmSync(fileOf(id, 'hosts'))],
  ])('tells which op of the %s stage failed, and leaves nothing running', async (stage, what, spoil) => {
    const id = await created(['true']);
    spoil(id);
    const { status, stderr } = await start('one');
    expect([status, stderr]).toEqual([125, expect.stringMatching(new RegExp(`cannot .*${what}`))]);
    expect(stderr).toMatch(new RegExp(`op \\d+ of the ${stage} stage\\)`));
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    expect(await only()).toMatchObject({ id, status: 'created' });
    expect(pidsOf(user, 'fuse-overlayfs')).toEqual([]);
  });
});

describe('what was kept of a creation', () => {
  const file = (id: string) => fileOf(id, 'launch');
  it.each<[string, (id: string) => void]>([
    ['others may read it', (id) => chmodSync(file(id), 0o640)],
    ['it belongs to another user', (id) => chownSync(file(id), 0, 0)],
    ['it has a second name', (id) => linkSync(file(id), join(user.scratch, 'second'))],
    [
      'it is a link',
      (id) => {
        renameSync(file(id), join(user.scratch, 'moved'));
        symlinkSync(join(user.scratch, 'moved'), file(id));
      },
    ],
    ['it is not there', (id) => rmSync(file(id))],
    ['it is cut off', (id) => truncateSync(file(id), 9000)],
    ['it is longer', (id) => appendFileSync(file(id), 'more')],
    ['it is something else', (id) => writeFileSync(file(id), '\x05\0\0\0hello\0')],
    [
      'it names an op that is none',
      (id) =>
        writeFileSync(file(id), readFileSync(file(id), 'latin1').replace('make-directory', 'make-directorx'), 'latin1'),
    ],
  ])('is not used when %s', async (_, spoil) => {
    const id = await created(['true']);
    spoil(id);
    const { status, stderr } = await start('one');
    expect([status, stderr]).toEqual([125, expect.stringMatching(/code: plan\.invalid\n$/)]);
    expect(await only()).toMatchObject({ status: 'created' });
    for (const name of ['second', 'moved']) rmSync(join(user.scratch, name), { force: true });
  });

  it('holds values, which may be secrets, and is closed to others', async () => {
    const id = await created(['true'], ['-e', 'TOKEN=secret']);
    expect(readFileSync(file(id), 'latin1')).toContain('TOKEN=secret');
    expect(readFileSync(fileOf(id, 'container.json'), 'utf8')).not.toContain('secret');
  });
});
