/** A payload, or what its caller brings along, that tries to get at more than the container: descriptors, rights, neighbours. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isStaticElf } from '../../../src/image/elf.js';
import { installed } from '../../../src/sys/install.js';
import { makeFront, makeRunUser, type Report, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
const volume = () => ['-v', `${user.scratch}/probe:/probe:ro`];
const PROBE = ['base', '/probe/probe', 'report'];

beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());

/** A program as the user with something that only root can give it. */
function runWith(setpriv: readonly string[], argv: readonly string[]) {
  const ids = ['--reuid', String(user.uid), '--regid', String(user.gid)];
  const env = { PATH: '/usr/bin:/bin', HOME: user.home };
  return spawnSync('setpriv', [...ids, ...setpriv, '--', ...argv], { cwd: user.home, env, encoding: 'utf8' });
}

describe('the program that launches', () => {
  it('is not written to by a payload that is that program again (CVE-2019-5736)', async () => {
    const programs = ['iso-front', 'iso-session', 'iso-launch', 'iso-keeper'].map(user.program);
    const digests = () => programs.map((program) => createHash('sha256').update(readFileSync(program)).digest('hex'));
    const before = digests();
    const again = join(user.scratch, 'again');
    writeFileSync(again, '#!/proc/self/exe\n', { mode: 0o755 });
    const write = 'for p in /proc/[0-9]*; do echo x >>$p/exe; done';
    const loop = `/again & exec 2>/dev/null; for i in 1 2 3 4 5 6 7 8 9; do ${write}; done; true`;
    for (const way of [[], ['--direct']]) {
      for (const command of [['/again'], ['/proc/self/exe']]) {
        const run = ['run', '--rm', ...way, '-v', `${again}:/again:ro`];
        expect((await user.isoRun([...run, 'base', ...command])).status).not.toBe(0);
      }
      await user.isoRun(['run', '--rm', ...way, '-v', `${again}:/again:ro`, 'base', 'sh', '-c', loop]);
    }
    expect(digests()).toEqual(before);
  });

  it('needs nothing of the image to run, and is no set-id program', () => {
    const natives = readdirSync(installed('.')).filter((name) => /^iso-[a-z]+$/.test(name));
    expect(natives.length).toBeGreaterThan(6);
    for (const name of natives) {
      expect([name, isStaticElf(readFileSync(installed(name)))]).toEqual([name, true]);
      expect([name, statSync(installed(name)).mode & 0o7000]).toEqual([name, 0]);
    }
  });
});

describe('a working directory', () => {
  it('of a descriptor that was left open leads to nothing outside (CVE-2024-21626)', () => {
    const climb = `pwd; cd ../../../../../../../..; ls -d ./${user.scratch} .${user.home}`;
    const seen = new Set<string>();
    for (const target of ['self', '1']) {
      for (let fd = 0; fd < 12; fd += 1) {
        const script = `cd /; exec 7</ 8</home; exec ${front} run --rm -w /proc/${target}/fd/${fd} base sh -c '${climb}'`;
        const { status, stdout } = user.run(['sh', '-c', script]);
        seen.add(`${status} ${stdout}`);
      }
    }
    // Of the launcher's own that are open then some are directories: the container's root, and what covers a path of /proc.
    for (const one of seen) expect(one).toMatch(/^(125 |1 \/(proc\/acpi)?\n)$/);
  });
});

describe('what the caller has', () => {
  it('of descriptors is not what the payload has, cold, warm or joined', async () => {
    const open = 'exec 5</ 6</etc/passwd 7<>/dev/null 9</home; exec "$@"';
    const list = (...args: string[]) => {
      const { status, stdout, stderr } = user.run(['sh', '-c', open, 'sh', ...args]);
      expect([status, stderr]).toEqual([0, '']);
      return Object.keys((JSON.parse(stdout) as Report).descriptors).length;
    };
    // Three streams, and the directory that the probe lists.
    expect(list(process.execPath, user.program('iso-run.js'), 'run', '--rm', ...volume(), ...PROBE)).toBe(4);
    for (let tries = 0; tries < 2; tries += 1) expect(list(front, 'run', '--rm', ...volume(), ...PROBE)).toBe(4);
    await user.isoRun(['run', '-d', '--name', 'joined', ...volume(), 'base', 'sleep', '1000']);
    for (let tries = 0; tries < 2; tries += 1) expect(list(front, 'exec', 'joined', ...PROBE.slice(1))).toBe(4);
    await user.isoRun(['rm', '-f', 'joined']);
  });

  it('of inheritable and ambient capabilities and of groups is not what the payload has (CVE-2022-24769)', () => {
    const secret = join(user.scratch, 'of-a-group');
    writeFileSync(secret, 'secret', { mode: 0o640 });
    chownSync(secret, 0, 42);
    const rights = ['--groups', '42', '--inh-caps', '+net_raw,+sys_admin', '--ambient-caps', '+net_raw,+sys_admin'];
    for (const way of [[], ['--direct']]) {
      const run = [process.execPath, user.program('iso-run.js'), 'run', '--rm', ...way, ...volume()];
      const { stdout, stderr } = runWith(rights, [...run, ...PROBE]);
      expect(stderr).toBe('');
      const report = JSON.parse(stdout) as Report;
      expect(report.groups).toEqual([0]);
      expect(report.status).toMatch(/^CapInh:\t0+\nCapPrm:\t0+5fb\nCapEff:\t0+5fb\nCapBnd:\t0+5fb\nCapAmb:\t0+$/m);
      const read = runWith(rights, [...run, '-v', `${secret}:/secret:ro`, 'base', 'cat', '/secret']);
      expect([read.stdout, read.stderr]).toEqual(['', expect.stringContaining('Permission denied')]);
    }
  });

  it('of words that look like options reaches the command as it is, and no program that we start', async () => {
    const words = ['--version', '-rf', '--', '--rm', '--checkpoint-action=exec=touch /tmp/pwned'];
    for (let tries = 0; tries < 2; tries += 1) {
      const { stdout } = user.run([front, 'run', '--rm', 'base', 'printf', '[%s]', ...words]);
      expect(stdout).toBe(words.map((word) => `[${word}]`).join(''));
    }
    const archive = '--use-compress-program=touch pwned';
    user.sh(`: > './${archive}'`);
    for (const args of [
      ['image', 'import', '--', archive, 'odd'],
      ['image', 'import', '--', `./${archive}`, 'odd'],
      ['image', 'bootstrap', '--suite=--help', 'odd'],
      ['image', 'inspect', '--', '--help'],
      ['run', '--rm', '-v', '--help:/x', 'base', 'true'],
      ['run', '--rm', '--name=--help', 'base', 'true'],
      ['run', '--rm', '--hostname=--help', 'base', 'true'],
    ])
      expect([args, (await user.isoRun(args)).status]).toEqual([args, 125]);
    expect(readdirSync(user.home)).not.toContain('pwned');
  });
});

describe('a terminal', () => {
  it("takes nothing that a payload pushes into the caller's input (CVE-2017-5226)", () => {
    const command = `${front} run --rm -t -v ${user.scratch}/probe:/probe:ro base /probe/probe attempts; read -t 1 x; echo "got:[$x]"`;
    const { stdout } = user.run(['script', '-qec', `bash -c '${command}'`, '/dev/null'], { env: { TERM: 'xterm' } });
    expect(stdout).toMatch(/"push-input":\d+/);
    expect(stdout).toMatch(/got:\[\]\r?\n$/);
  });
});

describe('neighbours', () => {
  let servers: Server[] = [];
  const listen = (where: number | string) =>
    new Promise<Server>((resolve) => {
      const server = createServer((socket) => socket.end('reached'));
      if (typeof where === 'number') server.listen(where, '127.0.0.1', () => resolve(server));
      else server.listen(where, () => resolve(server));
    });
  afterAll(() => {
    for (const server of servers) server.close();
    servers = [];
  });

  it('on the loopback interface of the host, on abstract sockets and in other containers are not reached', async () => {
    const abstract = `iso-test-${process.pid}`;
    const server = await listen(0);
    servers = [server, await listen(`\0${abstract}`)];
    const { port } = server.address() as { port: number };
    const serve = `while :; do echo reached | nc -l -p ${port}; done`;
    await user.isoRun(['run', '-d', '--name', 'neighbour', 'base', 'sh', '-c', serve]);
    // The payload's own port is closed too: what answers would be another's.
    const script = `for a in 127.0.0.1 0.0.0.0 ::1 localhost; do nc -w 1 $a ${port} </dev/null; done; cat /proc/net/unix`;
    const { stdout } = await user.isoRun(['run', '--rm', 'base', 'sh', '-c', script]);
    await user.isoRun(['rm', '-f', 'neighbour']);
    expect(stdout).not.toMatch(/reached/);
    expect(stdout).not.toContain(abstract);
    expect(readFileSync('/proc/net/unix', 'utf8')).toContain(abstract);
  });

  it('behind a socket that is given as a file are refused', async () => {
    const path = join(user.home, 'service.sock');
    const server = await listen(path);
    servers.push(server);
    chmodSync(path, 0o777);
    const { stderr, status } = await user.isoRun(['run', '--rm', '-v', `${path}:/s`, 'base', 'true']);
    expect([status, stderr]).toEqual([125, expect.stringContaining('code: volume.refused')]);
  });

  it('of the same user see neither processes nor memory of each other', async () => {
    await user.isoRun(['run', '-d', '--name', 'other', '-e', 'SECRET=hidden', 'base', 'sleep', '1234']);
    const script = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" "\\n"; ipcs; kill -9 -1; true';
    const { stdout } = await user.isoRun(['run', '--rm', 'base', 'sh', '-c', script]);
    expect(stdout).not.toMatch(/1234|hidden/);
    const running = JSON.parse((await user.isoRun(['ps', '--json'])).stdout);
    await user.isoRun(['rm', '-f', 'other']);
    expect(running).toMatchObject([{ name: 'other', running: true }]);
  });
});
