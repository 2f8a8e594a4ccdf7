/** Containers that live without the command that began them: `run --detach`. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeFront, makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
let front: string;
beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());

/** Node needs gigabytes of addresses and cannot start in these. */
const WITHOUT_NODE = ['prlimit', '--as=268435456', '--'];
const ID = /^[0-9a-f]{64}\n$/;

const containers = () => join(user.store, 'containers');
const left = () => (existsSync(containers()) ? readdirSync(containers()) : []);
const fileOf = (id: string, file: string) => join(containers(), id.trim(), file);
const logOf = (id: string) => readFileSync(fileOf(id, 'ctr.log'), 'utf8');
const listed = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);

/** Runs a container of the base image to its id; `script` is sh(1)'s. */
function detached(script: string, options: readonly string[] = []): string {
  const { status, stdout, stderr } = user.run([front, 'run', '-d', ...options, 'base', 'sh', '-c', script]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(ID);
  return stdout.trim();
}

afterEach(async () => {
  const names = (await listed()).map(({ name }) => String(name));
  if (names.length > 0) await user.isoRun(['rm', '-f', ...names]);
  await until(() => pidsOf(user, 'iso-monitor').length === 0);
  expect(left()).toEqual([]);
});

describe('a detached run', () => {
  it.each([
    ['by a session', []],
    ['without one', ['--direct']],
  ])('%s gives its id as soon as the payload runs, and lives on', async (_, options) => {
    const id = detached('echo out; echo err >&2; printf part; exec sleep 1000', [...options, '--name', 'one']);
    expect(await listed()).toMatchObject([{ id, name: 'one', status: 'running', running: true }]);
    await until(() => logOf(id).includes('part'));
    // The two streams are two pipes: which is read first is nobody's promise.
    await until(() => logOf(id).includes('err'));
    const records = logOf(id).trimEnd().split('\n');
    const texts = records.map((line) => line.replace(/^\S+ /, ''));
    expect(texts.filter((text) => text.startsWith('stdout'))).toEqual(['stdout F out', 'stdout P part']);
    expect(texts.filter((text) => text.startsWith('stderr'))).toEqual(['stderr F err']);
    for (const line of records) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std/);
    expect(statSync(fileOf(id, 'ctr.log')).mode & 0o777).toBe(0o600);
    expect((await user.isoRun(['rm', 'one'])).stderr).toContain('container.running');
  });

  it('needs no Node once a run of its shape has been, detached or not', async () => {
    rmSync(join(user.home, '.local/share/containers/run/plans'), { recursive: true, force: true });
    const run = (...args: string[]) => user.run([...WITHOUT_NODE, front, 'run', ...args]);
    expect(run('-d', '--rm', 'base', 'true').status).not.toBe(0);
    expect(user.run([front, 'run', '--rm', 'base', 'true']).stderr).toBe('');
    expect(run('-d', '--rm', 'base', 'true')).toMatchObject({ status: 0, stdout: expect.stringMatching(ID) });
    await until(() => left().length === 0);
  });

  it('holds none of its caller’s descriptors', () => {
    for (const options of ['', '--direct']) {
      const script = `x=$(${front} run -d ${options} base sleep 1000 2>&1); echo "<$x>"`;
      expect(user.run(['sh', '-c', script]).stdout).toMatch(/^<[0-9a-f]{64}>\n$/);
    }
  });

  it.each([
    ['/no/such', 127],
    ['/etc/passwd', 126],
  ])('that cannot execute %s fails as any', async (command, expected) => {
    for (const options of [[], ['--direct']]) {
      const { status, stdout, stderr } = user.run([front, 'run', '-d', ...options, 'base', command]);
      expect([status, stdout]).toEqual([expected, '']);
      expect(stderr).toMatch(/code: run\.not-/);
    }
    expect(left()).toEqual([]);
  });

  it('writes its id and the pid of its payload where it is told', async () => {
    const [cid, pid] = [join(user.scratch, 'cid'), join(user.scratch, 'pid')];
    const id = detached('exec sleep 1000', ['--cidfile', cid, '--pidfile', pid]);
    expect(readFileSync(cid, 'utf8')).toBe(id);
    expect(readFileSync(`/proc/${readFileSync(pid, 'utf8')}/comm`, 'utf8')).toBe('sleep\n');
    const again = user.run([front, 'run', '-d', '--cidfile', cid, 'base', 'true']);
    expect([again.status, again.stderr]).toEqual([125, expect.stringMatching(/cannot write .*cid\n.*it exists/)]);
    rmSync(cid);
    expect(user.run([front, 'run', '-d', '--cidfile', cid, 'base', '/no/such']).status).toBe(127);
    expect(existsSync(cid)).toBe(false);
    const nowhere = user.run([front, 'run', '-d', '--pidfile', '/nowhere/pid', 'base', 'true']);
    expect([nowhere.status, nowhere.stderr]).toEqual([125, expect.stringContaining('cannot write /nowhere/pid')]);
  });

  it('has an input that stays open with -i, and the null device without', async () => {
    const closed = detached('cat; echo end');
    await until(() => logOf(closed).includes('stdout F end'));
    const open = detached('cat; echo end', ['-i']);
    await sleep(300);
    expect(logOf(open)).toBe('');
  });

  it('has a terminal of its own with -t, whose output is logged', async () => {
    const id = detached('tty; [ -t 0 ] && [ -t 2 ] && echo terminal', ['-t']);
    await until(() => logOf(id).includes('terminal'));
    expect(logOf(id)).toMatch(/stdout F \/dev\/pts\/0\r\n.*stdout F terminal\r\n/);
  });

  it('takes its container away in the end with --rm', async () => {
    detached('exit 3', ['--rm']);
    await until(() => left().length === 0);
    expect(existsSync(join(user.store, 'names')) && readdirSync(join(user.store, 'names'))).toEqual([]);
  });

  it('costs at most 1 MiB of private memory, its storage and its session', async () => {
    detached('exec sleep 1000', ['--name', 'one']);
    const [before] = [pidsOf(user, 'iso-monitor')];
    expect(before).toHaveLength(1);
    const kib = (comm: string) =>
      pidsOf(user, comm)
        .map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
        .flatMap((text) => [...text.matchAll(/^Private_\w+: +(\d+) kB$/gm)].map((match) => Number(match[1])))
        .reduce((sum, value) => sum + value, 0);
    expect(kib('iso-monitor')).toBeGreaterThan(0);
    expect(kib('iso-monitor') + kib('fuse-overlayfs') + kib('iso-session')).toBeLessThan(1024);
  });
});

describe('what goes on without its caller', () => {
  const ticking = 'while :; do echo tick; sleep 0.1; done';
  const grows = async (id: string) => {
    const before = logOf(id).length;
    await until(() => logOf(id).length > before + 100);
  };

  it('goes on when session and keeper are killed', async () => {
    const id = detached(ticking, ['--name', 'one']);
    await grows(id);
    signalOne(user, 'iso-session', 'SIGKILL');
    await grows(id);
    signalOne(user, 'iso-keeper', 'SIGKILL');
    await grows(id);
    expect(await listed()).toMatchObject([{ name: 'one', running: true }]);
  });

  it('ends with its monitor, and is not said to run', async () => {
    const id = detached(ticking, ['--name', 'one']);
    await grows(id);
    signalOne(user, 'iso-monitor', 'SIGKILL');
    await until(async () => (await listed())[0]?.running === false);
    expect((await listed())[0]).toMatchObject({ status: 'exited' });
    expect((await listed())[0]).not.toHaveProperty('exitCode');
    expect((await user.isoRun(['ps', '-a'])).stdout).toMatch(/ Dead .*one\n/);
    expect(pidsOf(user, 'fuse-overlayfs')).toEqual([]);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(id);
  });
});

describe('the log', () => {
  it('is rotated by size, and its oldest file goes', async () => {
    const options = ['--log-opt', 'max-size=64k', '--log-opt', 'max-file=3', '--name', 'one'];
    const id = detached('i=0; while [ $i -lt 6000 ]; do echo "line $i"; i=$((i+1)); done; echo last', options);
    await until(() => logOf(id).includes('last'));
    const files = readdirSync(join(containers(), id)).filter((name) => name.startsWith('ctr.log'));
    expect(files.sort()).toEqual(['ctr.log', 'ctr.log.1', 'ctr.log.2']);
    for (const file of files) expect(statSync(fileOf(id, file)).size).toBeLessThanOrEqual(64 * 1024);
    const records = ['ctr.log.2', 'ctr.log.1', 'ctr.log'].flatMap((file) =>
      readFileSync(fileOf(id, file), 'utf8').trimEnd().split('\n'),
    );
    // A line that was read in two parts is two records, of which the first says P.
    const text = records
      .map((record) => record.replace(/^\S+ stdout (P|F) /, ''))
      .map((part, index) => (records[index]?.includes(' stdout P ') ? part : `${part}\n`));
    const lines = [...text.join('').matchAll(/^line (\d+)$/gm)].map((match) => Number(match[1]));
    expect(lines.at(-1)).toBe(5999);
    expect(lines).toEqual(Array.from({ length: lines.length }, (_, index) => 6000 - lines.length + index));
  });

  it('has no longer records than it can bound', async () => {
    const id = detached("head -c 100000 /dev/zero | tr '\\0' x; echo; echo last", ['--name', 'one']);
    await until(() => logOf(id).includes('F last'));
    const records = logOf(id).trimEnd().split('\n');
    const texts = records.slice(0, -1).map((line) => line.split(' ').slice(3).join(' '));
    expect(texts.join('')).toBe('x'.repeat(100000));
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThanOrEqual(8192);
    expect(records.slice(0, -2).every((line) => line.includes(' stdout P '))).toBe(true);
  });

  it('is not there when it is not wanted, and its payload runs on', async () => {
    const id = detached('yes | head -c 10000000; touch /done; exec sleep 1000', ['--log-driver', 'none']);
    await until(() => existsSync(fileOf(id, 'upper/done')));
    expect(existsSync(fileOf(id, 'ctr.log'))).toBe(false);
    expect(lstatSync(fileOf(id, 'attach')).mode & 0o777).toBe(0o600);
  });

  it.each([
    [['--log-driver', 'syslog'], 'none of k8s-file, none'],
    [['--log-opt', 'max-size=1'], 'not a size from 16k'],
    [['--log-opt', 'max-file=0'], 'not a number of files'],
    [['--log-opt', 'path=/x'], 'options of a log are'],
  ])('takes no %j', (options, why) => {
    const { status, stderr } = user.run([front, 'run', '-d', ...options, 'base', 'true']);
    expect([status, stderr]).toEqual([125, expect.stringContaining(why)]);
  });
});
