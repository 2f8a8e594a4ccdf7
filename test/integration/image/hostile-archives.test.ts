/** Archives that try to get out, to plant something, or are none: each is refused whole, and nothing stays. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Member, members, ROOT_FILE_SYSTEM, tar } from '../tar-writer.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';

const CANARY = 'untouched';

let user: ThrowawayUser;
let canary: string;

beforeAll(() => {
  user = makeUser();
  const outside = join(user.scratch, 'outside');
  mkdirSync(outside);
  // The user may write here: only the confinement keeps an archive of hers from doing so.
  chmodSync(outside, 0o777);
  canary = join(outside, 'canary');
  writeFileSync(canary, CANARY);
  chmodSync(canary, 0o666);
});
afterAll(() => user?.remove());

afterEach(() => {
  expect(readFileSync(canary, 'utf8')).toBe(CANARY);
  expect(statSync(canary).nlink).toBe(1);
  expect(readdirSync(join(canary, '..'))).toEqual(['canary']);
  expect([user.stored('tmp'), user.stored('layers'), user.stored('images')]).toEqual([[], [], []]);
});

const ROOT: Member[] = [
  { name: './', type: 'directory' },
  { name: './etc/', type: 'directory' },
];

async function importing(bytes: Buffer) {
  const file = join(user.scratch, 'hostile.tar');
  writeFileSync(file, bytes);
  return user.isoRun(['image', 'import', '--json', file, 'hostile']);
}

/** Made when the canary's place is known. */
const HOSTILE: Record<string, () => Buffer> = {
  'a name that climbs out': () => tar([...ROOT, { name: '../escape', text: 'x' }]),
  'a name that climbs out in its middle': () => tar([...ROOT, { name: 'etc/../../escape', text: 'x' }]),
  'an absolute name': () => tar([...ROOT, { name: canary, text: 'x' }]),
  'a file through an absolute symbolic link': () =>
    tar([...ROOT, { name: 'out', type: 'symlink', link: join(canary, '..') }, { name: 'out/canary', text: 'x' }]),
  'a file over a symbolic link, through it': () =>
    tar([...ROOT, { name: 'out', type: 'symlink', link: '../../../../..' }, { name: 'out/tmp/x', text: 'x' }]),
  'a hard link to a file outside': () =>
    tar([...ROOT, { name: 'grab', type: 'hardlink', link: canary }, { name: 'grab', text: 'x' }]),
  'a hard link that climbs out': () => tar([...ROOT, { name: 'grab', type: 'hardlink', link: '../../../canary' }]),
  'a symbolic link as its root': () => tar([{ name: '.', type: 'symlink', link: '/tmp' }, ...ROOT.slice(1)]),
  'a file as its root': () =>
    tar([
      { name: './', text: 'x' },
      { name: '.', text: 'x' },
    ]),
  'a device node': () => tar([...ROOT, { name: './etc/mem', type: 'character', major: 1, minor: 1 }]),
  'a block device': () => tar([...ROOT, { name: './etc/disk', type: 'block', major: 254, minor: 0 }]),
  'a device node under a false dev': () =>
    tar([
      ...ROOT,
      { name: './dev/../etc/mem', type: 'character', major: 1, minor: 1 },
      { name: '..', type: 'directory' },
    ]),
  'a whiteout device': () => tar([...ROOT, { name: './etc/passwd', type: 'character', major: 0, minor: 0 }]),
  'a whiteout name': () => tar([...ROOT, { name: './etc/.wh.passwd', text: '' }]),
  'a whiteout of the whole root': () => tar([...ROOT, { name: './.wh..wh..opq', text: '' }]),
  'an owner beyond the range': () => tar([...ROOT, { name: './etc/x', text: 'x', uid: 70_000 }]),
  'a size that it does not have': () => tar([...ROOT, { name: './etc/x', text: 'x', claimedSize: 2 ** 52 }]),
  'a cut in a file': () => {
    const whole = tar([...ROOT, { name: './etc/x', text: 'x'.repeat(5000) }]);
    return whole.subarray(0, 3 * 512 + 1024);
  },
  'a cut between two members': () => members(ROOT),
  'a cut compressed stream': () => {
    const zipped = execFileSync('gzip', ['-c'], { input: tar(ROOT_FILE_SYSTEM) });
    return zipped.subarray(0, zipped.length - 20);
  },
  'garbage after a compressed stream': () =>
    Buffer.concat([execFileSync('gzip', ['-c'], { input: tar(ROOT_FILE_SYSTEM) }), Buffer.from('garbage')]),
  'a compressed file that is no archive': () => execFileSync('xz', ['-c'], { input: 'a'.repeat(5000) }),
  'a broken header in its middle': () => {
    const bytes = tar(ROOT_FILE_SYSTEM);
    bytes.fill('x', 512, 700);
    return bytes;
  },
  'nothing at all': () => Buffer.alloc(0),
  'nothing but zeros': () => Buffer.alloc(10_240),
  'no directory': () => tar([{ name: 'file', text: 'x' }]),
  'a script': () => Buffer.from(`#!/bin/sh\n${'echo no archive\n'.repeat(100)}`),
  'a zip file': () => Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(2000)]),
  'an OCI layout': () =>
    tar([
      { name: 'oci-layout', text: '{}' },
      { name: 'blobs/', type: 'directory' },
    ]),
  'an image of docker save': () =>
    tar([
      { name: 'manifest.json', text: '[]' },
      { name: 'abc/', type: 'directory' },
    ]),
};

for (const [what, bytes] of Object.entries(HOSTILE)) {
  it(`refuses ${what}`, async () => {
    const ended = await importing(bytes());
    expect({ status: ended.status, code: ended.code, stdout: ended.stdout }).toEqual({
      status: 125,
      code: 'image.invalid',
      stdout: '',
    });
  });
}

it('says in words what is wrong', async () => {
  const why = async (what: string) => {
    const { stderr } = await importing((HOSTILE[what] as () => Buffer)());
    return (JSON.parse(stderr) as { error: { why: string } }).error.why;
  };
  expect(await why('nothing at all')).toBe('it is empty');
  expect(await why('a zip file')).toBe('it is a zip file');
  expect(await why('an image of docker save')).toContain('docker save');
  expect(await why('a cut between two members')).toContain('cut off');
  expect(await why('a whiteout name')).toContain('.wh.passwd');
  expect(await why('a device node')).toBe('tar: ./etc/mem: Cannot mknod: Operation not permitted');
  expect(await why('a name that climbs out')).toContain("Member name contains '..'");
});

it('stops a bomb before the file system is full', async () => {
  const storage = join(user.store, '..');
  // 96 MiB, of which an import leaves 64; the bomb holds a gigabyte.
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=96M,mode=700,uid=${user.uid},gid=${user.uid}`, 'tmpfs', storage]);
  try {
    const head = members([
      { name: './', type: 'directory' },
      { name: './bomb', claimedSize: 2 ** 30 },
    ]);
    const bomb = Buffer.concat([head, Buffer.alloc(2 ** 30 + 1024)]);
    const ended = await importing(execFileSync('zstd', ['-c', '-q', '-1'], { input: bomb }));
    expect({ status: ended.status, code: ended.code }).toEqual({ status: 125, code: 'write.failed' });
    expect([user.stored('tmp'), user.stored('layers'), user.stored('images')]).toEqual([[], [], []]);
  } finally {
    execFileSync('umount', [storage]);
  }
});

it('does not wait for a named pipe', async () => {
  const pipe = join(user.scratch, 'pipe');
  execFileSync('mkfifo', ['-m', '666', pipe]);
  expect(await user.isoRun(['image', 'import', '--json', pipe, 'a'])).toMatchObject({ code: 'image.invalid' });
});

it('gives a tool no sight of the host', async () => {
  // A hard link resolves its target where tar runs: were any file of the host there, one of these would succeed.
  for (const target of ['/etc/passwd', '/proc/self/environ', user.home, '/usr/bin/tar']) {
    const ended = await importing(tar([...ROOT, { name: 'grab', type: 'hardlink', link: target }]));
    expect(ended.code).toBe('image.invalid');
  }
  expect(existsSync('/usr/bin/tar')).toBe(true);
});
