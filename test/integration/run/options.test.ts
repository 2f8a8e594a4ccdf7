/** Options of a run as its payload sees them; then the same shape by the front alone, which must see the same. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveTo, makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
beforeAll(async () => {
  user = await makeRunUser();
  front = join(user.scratch, 'dist', 'iso-run');
  symlinkSync('iso-front', front);
  expect(user.run([front, 'run', '--rm', 'base', 'true']).status).toBe(0);
  // What changed a moment ago could change again unseen, so no plan is kept until the clock has gone on.
  await sleep(2100);
});
afterAll(() => user?.remove());

/** Node needs gigabytes of addresses and cannot start in these. */
const WITHOUT_NODE = ['prlimit', '--as=268435456', '--'];
function launch(before: readonly string[], args: readonly string[]): string {
  const { status, stdout, stderr } = user.run([...before, front, 'run', '--rm', ...args]);
  return `${status === 0 ? '' : `status ${status}: `}${stdout}${stderr}`;
}

/**
 * Twice: compiled by Node, and launched by the front from what Node kept. Nothing is kept while somebody else on this
 * machine makes accounts, so it is tried again.
 */
function runs(...args: string[]): string[] {
  for (let tries = 0; ; tries += 1) {
    const seen = [[], WITHOUT_NODE].map((before) => launch(before, args));
    if (tries === 3 || !seen[1]?.includes('Fatal process OOM')) return seen;
    user.run(['sleep', '2.1']);
  }
}
const both = (text: string) => [text, text];
const sh = (...args: string[]) => runs(...args.slice(0, -1), 'base', 'sh', '-c', args.at(-1) ?? '');
const fails = (...args: string[]) => user.run([front, 'run', '--rm', ...args, 'base', 'true']).stderr;

describe('the payload', () => {
  it('has the time zone that was asked for', () => {
    const zone = (name: string) => user.iso('iso-run', ['run', '--rm', '--tz', name, 'base', 'date', '+%z']);
    expect(zone('Etc/GMT+5')).toMatchObject({ stdout: '-0500\n', stderr: '' });
    expect(zone('No/Such').stderr).toMatch(/zoneinfo\/No\/Such[\s\S]*--tz No\/Such[\s\S]*code: volume\.missing/);
  });

  it('begins with the entry point that was asked for', () => {
    expect(runs('--entrypoint', 'echo', 'base', 'a b', 'c')).toEqual(both('a b c\n'));
    expect(runs('--entrypoint', '["echo","x y"]', 'base')).toEqual(both('x y\n'));
  });

  it('has an init program as pid 1 that reaps, and takes signals in its place', () => {
    const script =
      'echo $$; cat /proc/1/comm; (sleep 0.1 & exec true); sleep 0.4; grep -l "State:.Z" /proc/[0-9]*/status';
    const seen = runs('--init', 'base', 'sh', '-c', `${script} 2>/dev/null || echo none`);
    for (const text of seen) expect(text).toMatch(/^[2-9]\ninit\nnone\n$/);
    expect(sh('--init', 'echo x >/dev/init')[0]).toMatch(/Permission denied|Read-only/);
  });

  it('has the limits that were asked for, and no more than its caller may have', () => {
    expect(sh('--ulimit', 'nofile=77:88', '--ulimit', 'core=0', 'ulimit -n; ulimit -Hn; ulimit -c')).toEqual(
      both('77\n88\n0\n'),
    );
    const bounded = ['prlimit', '--nofile=100:100', '--', process.execPath, user.program('iso-run.js')];
    const { stderr } = user.run([...bounded, 'run', '--rm', '--direct', '--ulimit', 'nofile=200', 'base', 'true']);
    expect(stderr).toMatch(/cannot set resource limit 7 to 200:200\n.*operation not permitted.*--ulimit nofile/);
  });

  it('is in the groups that were added', () => {
    expect(sh('--group-add', 'tty', '--group-add', '77', 'id -G')).toEqual(both('0 5 77\n'));
  });

  it('gets variables of files, which make the run one of Node', () => {
    const path = join(user.scratch, 'env');
    const words = ['--env-file', path, '-e', 'B=2', '--rm=true', 'base', 'sh', '-c', 'echo $A $B'];
    for (const value of ['1', '2']) {
      writeFileSync(path, `# c\nA=from file ${value}\nB=1\n`);
      expect(launch([], words)).toBe(`from file ${value} 2\n`);
      expect(launch(WITHOUT_NODE, words)).toMatch(/Fatal process OOM/);
    }
    expect(fails('--env-file', '/nowhere')).toMatch(/cannot read \/nowhere\n.*no such file/);
    expect(fails('--env-file', '/dev/zero')).toMatch(/larger than/);
  });
});

describe('mounts', () => {
  it('in memory are as large and as closed as they were asked to be', () => {
    const script = 'grep -E " /t | /u | /dev/shm " /proc/self/mountinfo | cut -d" " -f5,6; df -k /t /dev/shm | tail -2';
    const options = ['--tmpfs', '/t:size=1m,mode=700', '--shm-size', '2m', '--mount', 'type=tmpfs,dst=/u,ro'];
    const [cold, warm] = sh(...options, script);
    expect(cold).toMatch(/^\/dev\/shm rw,nosuid,nodev,noexec,relatime\n\/t rw,nosuid,nodev,noexec,relatime\n\/u ro,/);
    expect(cold).toMatch(/ 1024 .*\/t\n.* 2048 .*\/dev\/shm\n$/);
    expect(warm).toBe(cold);
  });

  it('of the host may be said in words, and closed to programs', () => {
    const file = join(user.scratch, 'file');
    writeFileSync(file, '#!/bin/sh\necho ran\n', { mode: 0o755 });
    giveTo(user, file);
    const { stdout, stderr } = user.run([
      ...[front, 'run', '--rm', '--mount', `type=bind,src=${file},dst=/m,ro`, '-v', `${file}:/v:noexec`],
      ...['base', 'sh', '-c', '/m; echo x >/m; /v'],
    ]);
    expect(stdout).toBe('ran\n');
    expect(stderr).toMatch(/\/m: Read-only file system\n.*\/v: Permission denied/);
    expect(fails('-v', `${file}:/v:rshared`)).toMatch(/'rshared' is refused/);
    expect(fails('--mount', `type=bind,src=${user.home}/.local/share/containers,dst=/x`)).toMatch(/volume\.refused/);
  });

  it('a read-only root need not have', () => {
    const script = 'for d in /tmp /run /dev/shm; do touch $d/x 2>/dev/null && echo $d; done; true';
    expect(sh('--read-only', '--read-only-tmpfs', 'false', script)).toEqual(both('/dev/shm\n'));
  });
});

describe('names and the network', () => {
  it('are found as asked', () => {
    const options = [
      '--add-host',
      'db:10.0.0.7',
      '--dns',
      '10.0.0.1',
      '--dns-search',
      'a.b',
      '--dns-option',
      'ndots:2',
    ];
    const seen = sh('--network', 'none', ...options, 'head -1 /etc/hosts; cat /etc/resolv.conf; ls /sys/class/net');
    expect(seen).toEqual(both('10.0.0.7\tdb\nsearch a.b\nnameserver 10.0.0.1\noptions ndots:2\nlo\n'));
  });

  it("have settings of the container's own", () => {
    const host = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8');
    const script = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax';
    const options = ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=81', '--sysctl', 'kernel.msgmax=4096'];
    expect(sh(...options, script)).toEqual(both('81\n4096\n'));
    expect(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')).toBe(host);
    expect(fails('--sysctl', 'kernel.core_pattern=x')).toMatch(/not a setting of the container alone/);
    expect(fails('--sysctl', 'net.no.such=1')).toMatch(/cannot set net\.no\.such to 1[\s\S]*--sysctl net\.no\.such/);
  });
});

describe('secrets', () => {
  const iso = async (...args: string[]) => {
    const { status, stdout, stderr } = await user.isoRun(args);
    return `${status}: ${stdout}${stderr}`;
  };

  it('are files that any program of the container reads and none changes, or variables', async () => {
    const file = join(user.scratch, 'secret');
    writeFileSync(file, Buffer.from([0xff, 0x0a]));
    // Whatever the caller's umask is, every user of the container reads it.
    user.sh(`umask 077; ${front} secret create key ${file}`);
    expect((await user.isoRun(['secret', 'create', 'word', '-'], { input: Buffer.from('open sesame') })).stdout).toBe(
      'word\n',
    );
    expect(await iso('secret', 'create', 'key', file)).toMatch(/code: secret\.exists/);
    const script = 'od -An -tx1 /run/secrets/key; echo "$WORD, $B"; cat /w; echo x >>/w; rm /run/secrets/key';
    const options = [
      '--secret',
      'key',
      '--secret',
      'word,type=env,target=WORD',
      '--secret',
      'word,target=/w',
      '-e',
      'B=2',
    ];
    const ran = user.run([front, 'run', '--rm', '--user', '1000', ...options, 'base', 'sh', '-c', script]);
    expect(ran.stdout).toBe(' ff 0a\nopen sesame, 2\nopen sesame');
    expect(ran.stderr).toMatch(/\/w: Permission denied[\s\S]*rm: /);
    expect(sh('--secret', 'key', 'echo x >>/run/secrets/key')[0]).toMatch(/Read-only/);
    const plan = await iso('plan', 'run', ...options, 'base', 'true');
    expect(plan).toMatch(/\/run\/secrets\/key/);
    expect(plan).not.toMatch(/sesame/);
    expect(await iso('secret', 'inspect', 'key')).toMatch(/"Name": "key"/);
    expect(await iso('secret', 'rm', 'key', 'word')).toBe('0: key\nword\n');
    mkdirSync(join(user.store, 'secrets/odd'));
    expect(await iso('secret', 'ls')).toBe('0: NAME  CREATED\n');
  });

  it('that are not there, or have no such place, are refused', async () => {
    expect(fails('--secret', 'none')).toMatch(/code: secret\.missing/);
    expect(await iso('secret', 'create', 'big', '/dev/zero')).toMatch(/larger than/);
    expect(await iso('secret', 'create', '../x', '/dev/null')).toMatch(/code: usage\.invalid/);
    expect(await iso('secret', 'create', 's', '/dev/null')).toBe('0: s\n');
    expect(fails('--secret', 's,target=/x', '--tmpfs', '/x')).toMatch(/another volume/);
    expect(fails('--secret', 's,target=/proc/x')).toMatch(/of its own/);
    expect(fails('-v', `${user.store}/secrets/s:/x`)).toMatch(/code: volume\.refused/);
  });
});

describe('the books', () => {
  it('hold labels and how the container is to be stopped', async () => {
    const options = [
      '--label',
      'a=1',
      '-l',
      'text=x "y"\n',
      '-l',
      'a=2',
      '--stop-signal',
      'quit',
      '--stop-timeout',
      '7',
    ];
    for (const [index, before] of [[], WITHOUT_NODE].entries()) {
      const name = `book-${index}`;
      expect(user.run([...before, front, 'run', '--name', name, ...options, 'base', 'true']).stderr).toBe('');
      const id = JSON.parse((await user.isoRun(['ps', '-a', '--json'])).stdout).find(
        (one: { name: string }) => one.name === name,
      ).id;
      const record = JSON.parse(readFileSync(join(user.store, 'containers', id, 'container.json'), 'utf8'));
      expect(record).toMatchObject({
        labels: { a: '2', text: 'x "y"\n' },
        stopSignal: 'SIGQUIT',
        stopTimeout: 7,
      });
      await user.isoRun(['rm', name]);
    }
  });
});

it('no option that has one value takes two', () => {
  expect(fails('--memory', '1g', '--memory', '2g')).toMatch(/--memory.*twice/);
  expect(fails('--name', 'a', '--name', 'b')).toMatch(/--name.*twice/);
});
