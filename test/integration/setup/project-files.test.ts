/** /etc/projid and /etc/projects of a root directory of our own: lines of others stay, byte for byte. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addProjects, readRegister, removeProjectLines } from '../../../src/setup/project-files.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync('/var/tmp/iso-projects-test.');
  mkdirSync(join(root, 'etc'));
});
afterEach(() => rmSync(root, { recursive: true }));

const FIRST = 0x40000000;
const recording = (name: string, uid: number, tree = `/home/${name}/.local/share/containers`) => ({
  owner: { name, uid, tree },
  id: FIRST + uid,
});
const etc = (file: string) => join(root, 'etc', file);
const read = (file: string) => readFileSync(etc(file), 'latin1');
const alice = recording('alice', 1000);
const ALICE = { projid: `iso-alice:${FIRST + 1000}`, projects: `${FIRST + 1000}:${alice.owner.tree}` };

describe('projects are recorded', () => {
  it('in files that are made, 0644, and noted as ours in files of the same form', async () => {
    expect(await addProjects(root, [alice, recording('bob', 1001)])).toEqual(new Map());
    expect(read('projid')).toBe(`${ALICE.projid}\niso-bob:${FIRST + 1001}\n`);
    expect(read('projects').split('\n')[0]).toBe(ALICE.projects);
    expect(statSync(etc('projid')).mode & 0o777).toBe(0o644);
    expect(readFileSync(join(root, 'var/lib/iso/projid'), 'latin1')).toBe(read('projid'));
  });

  it('beside lines of others, which stay as they are, comments and bytes and the missing newline', async () => {
    const foreign = '# by hand\ndb:42\n\nbroken\xff line';
    writeFileSync(etc('projid'), foreign, 'latin1');
    chmodSync(etc('projid'), 0o640);
    await addProjects(root, [alice]);
    expect(read('projid')).toBe(`${foreign}\n${ALICE.projid}\n`);
    expect(statSync(etc('projid')).mode & 0o777).toBe(0o640);
    await removeProjectLines(root, { projid: [ALICE.projid], projects: [ALICE.projects] });
    expect(read('projid')).toBe(`${foreign}\n`);
    expect(existsSync(etc('projects'))).toBe(false);
    expect(readdirSync(join(root, 'var/lib/iso'))).toEqual([]);
  });

  it('once: the second time nothing is written', async () => {
    await addProjects(root, [alice]);
    const before = statSync(etc('projid')).ino;
    await addProjects(root, [alice]);
    expect([statSync(etc('projid')).ino, read('projid')]).toEqual([before, `${ALICE.projid}\n`]);
  });

  it('anew when the home has moved or the uid has another name', async () => {
    await addProjects(root, [alice]);
    await addProjects(root, [recording('alicia', 1000, '/srv/alicia/.local/share/containers')]);
    expect(read('projid')).toBe(`iso-alicia:${FIRST + 1000}\n`);
    expect(read('projects')).toBe(`${FIRST + 1000}:/srv/alicia/.local/share/containers\n`);
  });

  it('not over the claim of another tool, and the others of the call are', async () => {
    writeFileSync(etc('projects'), `${FIRST + 1000}:/srv/db\n`);
    const refused = await addProjects(root, [alice, recording('bob', 1001)]);
    expect([...refused]).toEqual([['alice', `/etc/projects has the line ${FIRST + 1000}:/srv/db`]]);
    expect(read('projid')).toBe(`iso-bob:${FIRST + 1001}\n`);
  });

  it('never through a symbolic link', async () => {
    writeFileSync(join(root, 'victim'), 'keep\n');
    symlinkSync(join(root, 'victim'), etc('projid'));
    await expect(addProjects(root, [alice])).rejects.toThrow(
      expect.objectContaining({ why: 'it is a symbolic link where a regular file belongs' }),
    );
    expect(readFileSync(join(root, 'victim'), 'utf8')).toBe('keep\n');
  });

  it('only lines that we noted are taken back', async () => {
    writeFileSync(etc('projid'), `${ALICE.projid}\n`);
    await removeProjectLines(root, { projid: [ALICE.projid], projects: [] });
    expect(read('projid')).toBe(`${ALICE.projid}\n`);
    expect(readRegister(root, true).ours.projid.lines).toEqual(new Set());
  });
});

/** flock(1) holds a file as kubelet does, until it is told to end. */
async function hold(path: string): Promise<ChildProcess> {
  const child = spawn('flock', [path, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout ?? child, 'data');
  return child;
}

/** Sends descriptor 9 into a socket, from which it is not taken, and closes it (SCM_RIGHTS, unix(7)). */
const HIDE = [
  'socketpair($a, $b, AF_UNIX, SOCK_STREAM, 0) or die;',
  // struct msghdr with one byte and one struct cmsghdr of 20 bytes: level 1 (SOL_SOCKET), type 1 (SCM_RIGHTS).
  '$byte = "x"; $control = pack("QiiiI", 20, 1, 1, 9, 0); $part = pack("PQ", $byte, 1);',
  '$message = pack("QLLPQPQLL", 0, 0, 0, $part, 1, $control, 24, 0, 0);',
  'syscall(46, fileno($a), $message, 0) == 1 or die "sendmsg: $!";',
  'open(my $own, "<&=", 9); close $own; $| = 1; print "held"; <STDIN>',
].join(' ');

describe('another program that holds a lock', () => {
  it('is waited for, and what it wrote meanwhile is kept', async () => {
    writeFileSync(etc('projid'), 'db:42\n');
    const holder = await hold(etc('projid'));
    const added = addProjects(root, [alice]);
    // Long enough to look who it is.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(read('projid')).toBe('db:42\n');
    writeFileSync(etc('projid'), 'db:42\nlog:43\n');
    holder.stdin?.end('\n');
    await added;
    expect(read('projid')).toBe(`db:42\nlog:43\n${ALICE.projid}\n`);
  });

  it.each([
    ['a user, who may read it and so lock it', 'echo held; read line'],
    // In the end nobody has the locked descriptor: it is on its way through a socket.
    ['nobody who can be found', `exec perl -MSocket -e '${HIDE}'`],
  ])('is not waited for when it is that of %s', async (_, script) => {
    chmodSync(root, 0o755);
    writeFileSync(etc('projid'), 'db:42\n');
    chmodSync(etc('projid'), 0o644);
    const args = ['--reuid', '65533', '--clear-groups', 'sh', '-c', `exec 9<"$0"; flock 9; ${script}`, etc('projid')];
    const holder = spawn('setpriv', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    // From another pid namespace the holder may be a tool of root's that cannot be seen.
    if (readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]') {
      expect(await addProjects(root, [alice])).toEqual(new Map());
      expect(read('projid')).toBe(`db:42\n${ALICE.projid}\n`);
    } else {
      await expect(addProjects(root, [alice])).rejects.toMatchObject({ code: 'lock.held' });
      expect(read('projid')).toBe('db:42\n');
    }
    holder.stdin.end('\n');
  });
});

it('takes lines for many users at once', async () => {
  const users = Array.from({ length: 2000 }, (_, n) => recording(`u${n}`, 10_000 + n));
  await addProjects(root, users);
  expect(read('projid').split('\n')).toHaveLength(2001);
});
