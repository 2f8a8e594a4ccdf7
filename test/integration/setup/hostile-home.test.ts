/** A user who prepares the home to lead root astray: refused, named, and nothing outside of the home touched. */
import { spawn } from 'node:child_process';
import { chownSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DIRECTORIES, FILES } from '../../../src/setup/desired-user.js';
import { isoSetup, makeRoot, place, type Thing } from './scratch-root.js';

const UID = 70001;
const OTHER = 70002;
const PASSWD = `root:x:0:0:root:/root:/bin/bash\nalice:x:${UID}:${UID}::/home/alice:/bin/bash\n`;
const CANARY = 'canary: root only\n';

let root: string;

beforeEach(() => {
  root = makeRoot(undefined, [
    { path: 'etc/passwd', type: 'file', content: PASSWD },
    { path: 'etc/group', type: 'file', content: `alice:x:${UID}:\n` },
    { path: 'canary/secret', type: 'file', mode: '600', content: CANARY },
    { path: 'home/alice', type: 'directory', uid: UID, mode: '755' },
  ]);
});

afterEach(() => rmSync(root, { recursive: true }));

/** The canaries as they were made: content, owner, modes, and no new neighbour. */
function canaryState() {
  const [directory, file] = [statSync(join(root, 'canary')), statSync(join(root, 'canary/secret'))];
  return {
    content: readFileSync(join(root, 'canary/secret'), 'utf8'),
    modes: [directory.mode & 0o7777, file.mode & 0o7777],
    owners: [directory.uid, file.uid],
    links: directory.nlink,
    changed: [directory.mtimeMs, file.mtimeMs],
  };
}

const parentsOf = (path: string) =>
  path
    .split('/')
    .map((_, index, parts) => parts.slice(0, index).join('/'))
    .filter(Boolean);

/** A home prepared down to the parent of `path`, with the thing there. */
function prepare(path: string, thing: Omit<Thing, 'path'>): void {
  for (const parent of parentsOf(path)) {
    place(root, { path: `home/alice/${parent}`, type: 'directory', uid: UID, mode: '700' });
  }
  place(root, { ...thing, path: `home/alice/${path}` });
}

function expectRefused(path: string, why: RegExp): void {
  const before = canaryState();
  const { status, stderr } = isoSetup(['user', 'alice', '--root', root]);
  expect(stderr).toMatch(/^iso-setup: cannot use ~\/[^\n]* of alice\n {2}why: /);
  expect(stderr).toContain(`~/${path} `);
  expect(stderr).toMatch(why);
  expect(stderr).toMatch(/code: home\.unsafe\n$/);
  expect(status).toBe(77);
  expect(canaryState()).toEqual(before);
  expect(() => lstatSync(join(root, 'etc/subuid'))).toThrow(/ENOENT/);
}

describe('a hostile home', () => {
  it.each(DIRECTORIES)('%s is a link to a directory of root', (path) => {
    prepare(path, { type: 'link', target: join(root, 'canary'), uid: UID });
    expectRefused(path, /is a symbolic link/);
  });

  it.each(DIRECTORIES)('%s is a link to a directory of the user', (path) => {
    place(root, { path: 'home/alice/elsewhere', type: 'directory', uid: UID });
    prepare(path, { type: 'link', target: '/home/alice/elsewhere', uid: UID });
    expectRefused(path, /is a symbolic link/);
  });

  it.each(DIRECTORIES)('%s belongs to another user', (path) => {
    prepare(path, { type: 'directory', uid: OTHER, mode: '777' });
    expectRefused(path, /belongs to uid 70002/);
  });

  it.each(FILES.map((file) => file.path))('%s is a link to a file of root', (path) => {
    prepare(path, { type: 'link', target: join(root, 'canary/secret'), uid: UID });
    expectRefused(path, /is a symbolic link/);
  });

  it.each(FILES.map((file) => file.path))('%s is a second name of a file of root', (path) => {
    prepare(path, { type: 'hardlink', target: 'canary/secret' });
    expectRefused(path, /belongs to uid 0/);
  });

  it('a file is a second name of another file of the user', () => {
    place(root, { path: 'home/alice/note', type: 'file', uid: UID, content: 'mine' });
    prepare('.config/containers/policy.json', { type: 'hardlink', target: 'home/alice/note' });
    expectRefused('.config/containers/policy.json', /has 2 names/);
  });

  it.each(['.config/containers/storage.conf', '.local/share/containers/run'])(
    '%s is a FIFO, which nobody waits for',
    (path) => {
      prepare(path, { type: 'fifo', uid: UID });
      expectRefused(path, /is a FIFO/);
    },
  );

  it('a configuration file is larger than any can be', () => {
    prepare('.config/containers/policy.json', { type: 'file', uid: UID, content: 'x'.repeat(3 << 20) });
    expectRefused('.config/containers/policy.json', /EFBIG|too large/);
  });

  it('loses no race against a user who swaps directories for links all the time', async () => {
    prepare('.config/containers', { type: 'directory', uid: UID, mode: '700' });
    mkdirSync(join(root, 'home/alice/.real'));
    chownSync(join(root, 'home/alice/.real'), UID, UID);
    const script = `
      cd '${root}/home/alice'
      while :; do
        mv .config/containers .config/away; ln -s '${root}/canary' .config/containers
        rm .config/containers; mv .config/away .config/containers
        mv .local/share/containers/run .local/r 2>/dev/null && ln -s '${root}/canary' .local/share/containers/run
        rm -f .local/share/containers/run; mv .local/r .local/share/containers/run 2>/dev/null
      done`;
    const before = canaryState();
    const swapper = spawn('bash', ['-c', script], { uid: UID, gid: UID, stdio: 'ignore', cwd: '/' });
    try {
      const ends: (number | null)[] = [];
      for (let round = 0; round < 12; round += 1) {
        rmSync(join(root, 'home/alice/.config/containers/policy.json'), { force: true });
        ends.push(isoSetup(['user', 'alice', '--root', root]).status);
      }
      // Done, refused, or failed because something was gone: never a crash, a hang or a bug.
      expect(ends.filter((status) => ![0, 73, 77].includes(status ?? -1))).toEqual([]);
    } finally {
      swapper.kill('SIGKILL');
      await new Promise((resolve) => swapper.on('close', resolve));
    }
    expect(canaryState()).toEqual(before);
  });

  it('does not keep other users from being set up', () => {
    place(root, { path: 'home/bob', type: 'directory', uid: OTHER, mode: '700' });
    writeFileSync(join(root, 'etc/passwd'), `${PASSWD}bob:x:${OTHER}:${OTHER}::/home/bob:/bin/bash\n`);
    prepare('.config', { type: 'link', target: '/etc', uid: UID });
    const { status, stdout } = isoSetup(['user', 'alice', 'bob', '--root', root, '--json']);
    expect(status).toBe(77);
    const { users } = JSON.parse(stdout) as { users: { user: string; error?: { code: string } }[] };
    expect(users.map(({ user, error }) => [user, error?.code])).toEqual([
      ['alice', 'home.unsafe'],
      ['bob', undefined],
    ]);
    expect(readFileSync(join(root, 'etc/subuid'), 'utf8')).toBe('bob:524288:65536\n');
  });
});
