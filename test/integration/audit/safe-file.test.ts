import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listSafeDirectory, openHome, openSafeDirectory, readSafeFile, statSafe } from '../../../src/sys/safe-file.js';

const uid = process.getuid?.() ?? 0;
const CANARY = 'canary: never to be read';
let outside: string;
let home: string;
let fd: number;

beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), 'iso-safe-'));
  outside = join(root, 'outside');
  home = join(root, 'home');
  mkdirSync(join(home, 'dir'), { recursive: true, mode: 0o755 });
  mkdirSync(outside);
  writeFileSync(join(outside, 'canary'), CANARY);
  const opened = openHome(home, uid);
  if (!opened.ok) throw new Error(opened.why);
  fd = opened.fd;
});

afterEach(() => {
  closeSync(fd);
  rmSync(join(home, '..'), { recursive: true });
});

const read = (path: string, maxBytes = 64) => readSafeFile(fd, path, { owner: uid, maxBytes });

test('a regular file beneath the directory is read', () => {
  writeFileSync(join(home, 'dir/file'), 'text');
  const file = read('dir/file');
  expect(file).toMatchObject({ ok: true, text: 'text' });
});

const hostile: [string, string, () => void][] = [
  ['a symbolic link', 'symlink', () => symlinkSync(join(outside, 'canary'), join(home, 'dir/file'))],
  [
    'a link that stays beneath',
    'symlink',
    () => {
      writeFileSync(join(home, 'real'), CANARY);
      symlinkSync('../real', join(home, 'dir/file'));
    },
  ],
  [
    'a symbolic link as a directory',
    'symlink',
    () => {
      rmSync(join(home, 'dir'), { recursive: true });
      symlinkSync(outside, join(home, 'dir'));
    },
  ],
  ['a hard link', 'links', () => linkSync(join(outside, 'canary'), join(home, 'dir/file'))],
  ['a FIFO', 'kind', () => execFileSync('mkfifo', [join(home, 'dir/file')])],
  ['a directory', 'kind', () => mkdirSync(join(home, 'dir/file'))],
  [
    'a file too large',
    'size',
    () => {
      writeFileSync(join(home, 'dir/file'), '');
      truncateSync(join(home, 'dir/file'), 2 ** 40);
    },
  ],
  ['nothing', 'missing', () => undefined],
];

test.each(hostile)('%s is refused as %s', (_name, reason, make) => {
  make();
  expect(read('dir/file')).toMatchObject({ ok: false, reason });
});

test.each(['../outside/canary', '/etc/passwd', 'dir/../../outside/canary'])('%s leaves the directory', (path) => {
  expect(read(path)).toMatchObject({ ok: false, reason: 'escape' });
});

test('a magic link is refused', () => {
  const proc = openSync('/proc/self', 'r');
  try {
    expect(readSafeFile(proc, 'root/etc/passwd', { owner: 0, maxBytes: 1e6 })).toMatchObject({ reason: 'symlink' });
  } finally {
    closeSync(proc);
  }
});

test('another mount is crossed only when asked', () => {
  const root = openSync('/', 'r');
  try {
    const options = { owner: 0, maxBytes: 4096 };
    expect(readSafeFile(root, 'proc/uptime', options)).toMatchObject({ ok: false, reason: 'mount' });
    expect(readSafeFile(root, 'proc/uptime', { ...options, crossMounts: true })).toMatchObject({ ok: true });
  } finally {
    closeSync(root);
  }
});

test('the wrong owner is refused, for files and directories', () => {
  writeFileSync(join(home, 'dir/file'), CANARY);
  expect(readSafeFile(fd, 'dir/file', { owner: uid + 1, maxBytes: 64 })).toMatchObject({ reason: 'owner' });
  expect(openSafeDirectory(fd, 'dir', { owner: uid + 1 })).toMatchObject({ reason: 'owner' });
});

test('a home that others may write to is refused', () => {
  execFileSync('chmod', ['0777', home]);
  expect(openHome(home, uid)).toMatchObject({ ok: false, reason: 'denied' });
});

test('a directory is listed, and refused when it is too long or a link', () => {
  for (const name of ['b', 'a', 'c']) writeFileSync(join(home, 'dir', name), '');
  expect(listSafeDirectory(fd, 'dir', { owner: uid, maxEntries: 3 })).toEqual({ ok: true, names: ['a', 'b', 'c'] });
  expect(listSafeDirectory(fd, 'dir', { owner: uid, maxEntries: 2 })).toMatchObject({ ok: false, reason: 'size' });
  symlinkSync('dir', join(home, 'link'));
  expect(listSafeDirectory(fd, 'link', { owner: uid, maxEntries: 3 })).toMatchObject({ ok: false, reason: 'symlink' });
});

test('stat tells what a link is without following it', () => {
  symlinkSync(join(outside, 'canary'), join(home, 'link'));
  const found = statSafe(fd, 'link');
  expect(found.ok && found.stat.isSymbolicLink()).toBe(true);
});

test('no descriptor is left open by refusals', () => {
  // Only those below the test's directory: the test runner opens and closes its own meanwhile.
  const isOurs = (number: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`).startsWith(join(home, '..'));
    } catch {
      return false;
    }
  };
  const count = () => readdirSync('/proc/self/fd').filter(isOurs).length;
  symlinkSync(outside, join(home, 'link'));
  read('link/canary');
  const before = count();
  expect(before).toBe(1);
  for (let i = 0; i < 50; i += 1) {
    read('link/canary');
    read('dir/none');
    read('dir');
    listSafeDirectory(fd, 'link', { owner: uid, maxEntries: 3 });
    openSafeDirectory(fd, 'dir', { owner: uid + 1 });
  }
  expect(count()).toBe(before);
});
