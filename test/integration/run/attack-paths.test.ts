/** Images and volumes that try to lead the launcher to files of the host. A canary says whether one of them got there. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Member, tar } from '../tar-writer.js';
import { giveTo, makeFront, makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
/** A directory of the user's that no container was given. */
let host: string;
const BUSYBOX = ['-v', '/bin/busybox:/busybox:ro'];
const IN = ['/busybox', 'sh', '-c'];
const CANARY = 'of the host\n';
const ROUNDS = 30;

beforeAll(async () => {
  user = await makeRunUser();
  host = join(user.scratch, 'host');
  mkdirSync(host);
  giveTo(user, host);
  writeFileSync(join(host, 'canary'), CANARY);
  giveTo(user, join(host, 'canary'));
  front = await makeFront(user);
});
afterAll(() => user?.remove());

function expectUntouched(): void {
  expect(readdirSync(host)).toEqual(['canary']);
  expect(readFileSync(join(host, 'canary'), 'utf8')).toBe(CANARY);
}

async function makeImage(members: readonly Member[]): Promise<void> {
  const file = join(user.scratch, 'hostile.tar');
  writeFileSync(file, tar([{ name: './', type: 'directory' }, { name: './empty/', type: 'directory' }, ...members]));
  const { stderr, status } = await user.isoRun(['image', 'import', '--force', file, 'hostile']);
  expect([status, stderr]).toEqual([0, '']);
}

const link = (name: string, to: string): Member => ({ name: `./${name}`, type: 'symlink', link: to });
const directory = (name: string): Member => ({ name: `./${name}/`, type: 'directory' });
/** The same place, by a path that a resolver which forgets its root takes for one of the host. */
const up = (path: string) => `../../../../../../../..${path}`;

describe('an image', () => {
  it.each([
    ['/etc/hosts', (to: string) => [directory('etc'), link('etc/hosts', `${to}/canary`)], []],
    ['/etc/hostname', (to: string) => [directory('etc'), link('etc/hostname', `${to}/new`)], []],
    [
      '/etc/resolv.conf',
      (to: string) => [directory('etc'), link('etc/resolv.conf', `${to}/canary`)],
      ['--dns', '9.9.9.9'],
    ],
    ['/etc', (to: string) => [link('etc', to)], []],
    ['/tmp under a read-only root', (to: string) => [link('tmp', to)], ['--read-only']],
    ['the place of a tmpfs', (to: string) => [link('t', to)], ['--tmpfs', '/t/new']],
    ['the place of a volume', (to: string) => [link('v', to)], ['-v', 'named:/v/new']],
    ['the place of a file', (to: string) => [link('v', `${to}/new`)], ['-v', '/etc/passwd:/v']],
    ['the working directory', (to: string) => [link('w', to)], ['-w', '/w']],
  ])('with a link of the host for %s makes nothing there and shows nothing of it', async (_, members, options) => {
    for (const to of [up(host), `/proc/1/root${host}`]) {
      await makeImage(members(to));
      const { stdout, status } = await user.isoRun([
        ...['run', '--rm', ...BUSYBOX, ...options, 'hostile', ...IN],
        'for f in /etc/hosts /etc/resolv.conf /v /v/* /t/* ./*; do /busybox cat $f; done; /busybox find / -xdev -name canary',
      ]);
      expect([0, 1, 125]).toContain(status);
      expect(stdout).not.toContain('of the host');
      expect(stdout).not.toMatch(/canary/);
      expectUntouched();
    }
  });

  it('with a device, a pipe or a file where the launcher makes its own has no say in what they are', async () => {
    const pipe = (name: string): Member => ({ name: `./${name}`, type: 'fifo' });
    await makeImage([directory('etc'), pipe('etc/hosts'), directory('dev'), pipe('dev/null'), link('dev/pts', host)]);
    const script =
      '/busybox stat -c "%F %t:%T" /dev/null /dev/zero; /busybox head -c 9 /etc/hosts; /busybox ls /dev/pts';
    const { stdout, stderr } = await user.isoRun(['run', '--rm', ...BUSYBOX, 'hostile', ...IN, script]);
    expect(stderr).toBe('');
    expect(stdout).toBe('character special file 1:3\ncharacter special file 1:5\n127.0.0.1ptmx\n');
  });

  it("with programs of the host's names has none of them run by a command that looks at it", async () => {
    const hostile = { text: '#!/busybox sh\necho ran > /ran\n', mode: 0o755 };
    await makeImage([
      ...['bin', 'usr', 'usr/bin', 'lib', 'etc'].map(directory),
      ...['bin/ps', 'usr/bin/ps', 'bin/tar', 'usr/bin/tar', 'bin/sh', 'lib/libnss_files.so.2'].map((name) => ({
        name: `./${name}`,
        ...hostile,
      })),
      { name: './etc/nsswitch.conf', text: 'passwd: files\n' },
    ]);
    const made = await user.isoRun([
      'run',
      '-d',
      '--name',
      'looked-at',
      ...BUSYBOX,
      'hostile',
      '/busybox',
      'sleep',
      '1000',
    ]);
    expect(made.stderr).toBe('');
    const looks = ['top looked-at', 'diff looked-at', 'stats --no-stream looked-at', 'inspect looked-at'];
    for (const look of [...looks, `cp looked-at:/etc ${user.scratch}/copied`, `cp ${host}/canary looked-at:/etc`])
      await user.isoRun(look.split(' '));
    const { stdout, stderr } = await user.isoRun(['exec', 'looked-at', '/busybox', 'ls', '/', '/etc']);
    expect(stderr).toBe('');
    await user.isoRun(['rm', '-f', 'looked-at']);
    expect(stdout).toContain('canary');
    expect(stdout).not.toContain('ran');
  });
});

describe('a volume', () => {
  it.each([
    '/',
    '/proc',
    '/proc/self/attr',
    '/sys',
    '/sys/fs/cgroup',
    '/dev',
    '/dev/pts',
    '/x/../proc',
    '/../..',
    'x/y',
  ])('does not cover %s', async (place) => {
    const { status, stderr } = await user.isoRun(['run', '--rm', '-v', `${host}:${place}`, 'base', 'true']);
    expect([status, stderr]).toEqual([125, expect.stringMatching(/the destination (must|lies)/)]);
    expectUntouched();
  });

  /** Exchanges two entries of a directory as fast as it can (renameat2(2), RENAME_EXCHANGE), as a container that has it can. */
  const racer = (place: string) => {
    const script = 'chdir $ARGV[0]; while (1) { syscall(316, -100, "a", -100, "b", 2) }';
    return user.spawn(['perl', '-e', script, place], { stdio: 'ignore' });
  };

  function whileRacing(place: string, work: () => void): void {
    const racing = racer(place);
    try {
      for (let round = 0; round < ROUNDS; round += 1) work();
    } finally {
      racing.kill('SIGKILL');
    }
  }

  it('whose mount point inside another changes places with a link is bound inside or not at all', () => {
    const shared = join(user.scratch, 'shared');
    user.sh(
      `mkdir -p ${shared}/a; ln -s ${host} ${shared}/b; mkdir -p ${user.scratch}/put; : > ${user.scratch}/put/mine`,
    );
    const volumes = ['-v', `${shared}:/s`, '-v', `${user.scratch}/put:/s/a/new`];
    const seen = new Set<string>();
    whileRacing(shared, () => {
      const { status, stdout } = user.run([
        ...[front, 'run', '--rm', ...volumes, 'base', 'sed', '-n', 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\(.s[^ ]*\\) .*/\\1/p'],
        '/proc/self/mountinfo',
      ]);
      seen.add(`${status} ${stdout.replaceAll('\n', ' ')}`);
      expectUntouched();
    });
    // Where the link was found, it leads to a path of the container that is not there.
    for (const one of seen) expect(one).toMatch(/^(0 \/s \/s\/[ab]\/new |0 \/sys.*|0 .*\/s .*|125 )$/);
  });

  it('whose source changes places with a link to the store shows nothing of the store', () => {
    const given = join(user.scratch, 'given');
    mkdirSync(join(given, 'a'), { recursive: true });
    symlinkSync(user.store, join(given, 'b'));
    giveTo(user, given);
    giveTo(user, join(given, 'a'));
    whileRacing(given, () => {
      const { status, stdout } = user.run([front, 'run', '--rm', '-v', `${given}/a:/x`, 'base', 'ls', '/x']);
      expect([0, 125]).toContain(status);
      expect(stdout).toBe('');
    });
  });
});

describe('the store', () => {
  it('is closed to other users, with all that a container left in it', async () => {
    await user.isoRun(['run', '--name', 'kept', 'base', 'sh', '-c', 'cp /bin/busybox /mine; chmod 4755 /mine']);
    const outside = user.run([
      'sh',
      '-c',
      `find ${user.store} -perm /6000 -path '*upper*' | head -1; stat -c %a ${user.store}`,
    ]);
    expect(outside.stdout).toMatch(/\/mine\n700\n$/);
    await user.isoRun(['rm', 'kept']);
  });
});
