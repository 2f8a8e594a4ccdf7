import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { giveTo, makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** iso-run with files as its streams, as a shell's redirections give them. */
function redirected(args: string[], input: string, output: string): Promise<number | null> {
  const [stdin, stdout] = [openSync(input, 'r'), openSync(output, 'w')];
  const child = user.spawn([process.execPath, user.program('iso-run.js'), ...args], {
    stdio: [stdin, stdout, 'ignore'],
  });
  closeSync(stdin);
  closeSync(stdout);
  return new Promise((resolve) => child.on('close', resolve));
}

describe('standard streams', () => {
  it('carry megabytes both ways unchanged', async () => {
    const bytes = randomBytes(5 * 2 ** 20);
    const { stdout, status } = await user.isoRun(['run', '--rm', '-i', 'base', 'sha256sum'], { input: bytes });
    expect([status, stdout.slice(0, 64)]).toEqual([0, sha256(bytes)]);
    const [input, output] = [join(user.scratch, 'in'), join(user.scratch, 'out')];
    writeFileSync(input, bytes);
    expect(await redirected(['run', '--rm', '-i', 'base', 'cat'], input, output)).toBe(0);
    expect(sha256(readFileSync(output))).toBe(sha256(bytes));
  });

  it('keep output and errors apart', async () => {
    const { stdout, stderr } = await user.isoRun(['run', '--rm', 'base', 'sh', '-c', 'echo out; echo err >&2']);
    expect([stdout, stderr]).toEqual(['out\n', 'err\n']);
  });

  it('give no way to write to a file that is the input (THREATS R40)', async () => {
    const input = join(user.scratch, 'precious');
    writeFileSync(input, 'precious\n');
    giveTo(user, input);
    const output = join(user.scratch, 'out');
    await redirected(
      [
        'run',
        '--rm',
        '-i',
        'base',
        'sh',
        '-c',
        'echo stolen > /proc/self/fd/0; echo stolen > /dev/stdin; cat /proc/1/fd/0',
      ],
      input,
      output,
    );
    expect(readFileSync(input, 'utf8')).toBe('precious\n');
  });

  it('stay blocking for everybody else who holds them', async () => {
    const child = user.start(['run', '--rm', '-i', 'base', 'sleep', '1']);
    await until(() => pidsOf(user, 'sleep').length === 1);
    for (const fd of [0, 1, 2]) {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${child.pid}/fdinfo/${fd}`, 'utf8'))?.[1];
      expect(Number.parseInt(flags ?? '', 8) & constants.O_NONBLOCK, `descriptor ${fd}`).toBe(0);
    }
    await new Promise((resolve) => child.on('close', resolve));
  });

  it('that take no more output are an error, not a success', async () => {
    expect(await redirected(['run', '--rm', 'base', 'echo', 'text'], '/dev/null', '/dev/full')).toBe(125);
  });

  it('that nobody reads can be given up with a second signal', async () => {
    const script = 'trap "exit 9" TERM; yes & wait';
    const child = user.start(['run', '--rm', 'base', 'sh', '-c', script]);
    const exit = new Promise((resolve) => child.on('exit', resolve));
    await until(() => pidsOf(user, 'yes').length === 1);
    child.kill('SIGTERM');
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    child.kill('SIGTERM');
    expect(await exit).toBe(9);
  });

  it('read nothing without -i', async () => {
    const { stdout } = await user.isoRun(['run', '--rm', 'base', 'cat'], { input: Buffer.from('text') });
    expect(stdout).toBe('');
  });

  it('let a payload of another id reopen its output', async () => {
    const { stdout } = await user.isoRun(['run', '--rm', '-u', '1000', 'base', 'sh', '-c', 'echo again > /dev/stdout']);
    expect(stdout).toBe('again\n');
  });

  it('end the payload when nobody reads its output any more', async () => {
    const child = user.start(['run', '--rm', 'base', 'sh', '-c', 'while echo line; do :; done']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    await new Promise((resolve) => child.on('close', resolve));
    expect(pidsOf(user, 'iso-monitor')).toEqual([]);
  });
});

describe('the terminal', () => {
  it.each(['line\n', 'line'])('ends its input where the caller ends it: %j', async (text) => {
    const { status, stdout } = await user.isoRun(['run', '--rm', '-it', 'base', 'cat'], { input: Buffer.from(text) });
    expect([status, stdout]).toEqual([0, text.replace('\n', '\r\n').repeat(2)]);
  });

  it('hangs up when nobody reads its output any more', async () => {
    const child = user.start(['run', '--rm', '-it', 'base', 'yes']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    await new Promise((resolve) => child.on('exit', resolve));
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    expect(pidsOf(user, 'yes')).toEqual([]);
  });

  it('that is full does not keep signals from the payload', async () => {
    const command = `${isoRun()} run --rm base sh -c 'trap "exit 9" TERM; yes & wait'`;
    // script(1) reads the terminal only as fast as somebody reads its own output: nobody does.
    const child = user.spawn(['script', '-qec', command, '/dev/null'], {
      env: { TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await until(() => pidsOf(user, 'yes').length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signalOne(user, 'iso-outer', 'SIGTERM');
    await until(() => pidsOf(user, 'yes').length === 0);
    expect(pidsOf(user, 'iso-outer')).toHaveLength(1);
    child.stdout?.resume();
    await new Promise((resolve) => child.on('close', resolve));
  });

  const inTerminal = (script: string) => {
    const { status, stdout, stderr } = user.run(['script', '-qec', script, '/dev/null'], { env: { TERM: 'xterm' } });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const isoRun = () => `${process.execPath} ${user.program('iso-run.js')}`;

  it("is one of the container, of the size of the caller's", () => {
    const output = inTerminal(
      `stty rows 33 cols 77; ${isoRun()} run --rm -t base sh -c 'tty; stty size; ls /dev/pts; test -t 0 && test -t 2 && echo all'`,
    );
    expect(output).toMatch(/\/dev\/pts\/0\r\n33 77\r\n0 +ptmx\r\n/);
    expect(output).toContain('all\r\n');
  });

  it("is not the caller's: the payload leads a session of its own", async () => {
    const { stdout } = await user.isoRun([
      'run',
      '--rm',
      '-t',
      '-v',
      `${join(user.scratch, 'probe')}:/probe:ro`,
      'base',
      '/probe/probe',
    ]);
    const report = JSON.parse(stdout);
    expect([report.sid, report.tty]).toEqual([1, [1, 1, 1]]);
    expect(report.descriptors['0']).toBe('/dev/pts/0');
  });
});

describe('signals', () => {
  it('reach the payload, whose answer is the exit status', async () => {
    const child = user.start([
      'run',
      '--rm',
      'base',
      'sh',
      '-c',
      'trap "echo got; exit 42" TERM; echo ready; while :; do sleep 0.05; done',
    ]);
    const output: string[] = [];
    child.stdout?.on('data', (chunk) => {
      output.push(String(chunk));
      if (String(chunk).includes('ready')) child.kill('SIGTERM');
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(42);
    expect(output.join('')).toBe('ready\ngot\n');
  });

  it('by number end the exit status: 128+n', async () => {
    const { status } = await user.isoRun(['run', '--rm', 'base', 'sh', '-c', 'sh -c "kill -SEGV \\$\\$"; exit $?']);
    expect(status).toBe(139);
  });

  it('that kill the launcher leave a container of the session running, and a later end is recorded', async () => {
    const child = user.start(['run', '--name', 'on', 'base', 'sleep', '1000'], 'ignore');
    await until(() => pidsOf(user, 'sleep').length === 1);
    signalOne(user, 'iso-outer', 'SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    const list = async () => JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout);
    expect(await list()).toMatchObject([{ name: 'on', running: true }]);
    signalOne(user, 'sleep', 'SIGKILL');
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    expect(await list()).toMatchObject([{ name: 'on', running: false, exitCode: 137 }]);
    await user.isoRun(['rm', 'on']);
  });

  it('leave nothing running when the launcher of a direct run is killed', async () => {
    const child = user.start(['run', '--direct', '--rm', 'base', 'sleep', '1000'], 'ignore');
    await until(() => pidsOf(user, 'sleep').length === 1);
    signalOne(user, 'iso-outer', 'SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    await until(
      () => [...pidsOf(user, 'sleep'), ...pidsOf(user, 'iso-monitor'), ...pidsOf(user, 'fuse-overlayfs')].length === 0,
    );
    expect(pidsOf(user, 'sleep')).toEqual([]);
  });
});
