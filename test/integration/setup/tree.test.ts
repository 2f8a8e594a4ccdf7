/** iso-tree's tagging on a real XFS: what gets the project, what is left alone, and that nothing outside of the tree is touched. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHomeQuota } from '../../../src/facts/home-quota.js';
import { installed } from '../../../src/sys/install.js';
import { type TreeRequest, walkTree } from '../../../src/sys/tree.js';
import { decodeTokens, encodeTokens } from '../../../src/sys/wire.js';
import { directory, file, makeHome, own, SUBORDINATE, TREE, UID } from './owned-files.js';

const PROJECT = 0x40000000 + UID;
let place: string;
let home: string;

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' });

beforeAll(() => {
  place = mkdtempSync('/var/tmp/iso-tree-test.');
  chmodSync(place, 0o755);
  const disk = join(place, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 512 * 2 ** 20);
  run('mkfs.xfs', '-q', disk);
  mkdirSync(join(place, 'mnt'));
  run('mount', '-o', 'loop', '--', disk, join(place, 'mnt'));
});
afterAll(() => {
  spawnSync('umount', ['--recursive', '--', join(place, 'mnt')]);
  rmSync(place, { recursive: true });
});

const at = (path: string) => join(home, TREE, path);

beforeEach(() => {
  home = makeHome(join(place, 'mnt'));
});

const request = (over: Partial<TreeRequest> = {}): TreeRequest => ({
  mode: 'tag',
  uid: UID,
  project: PROJECT,
  home,
  tree: TREE,
  ranges: [{ start: SUBORDINATE, count: 65536 }],
  ...over,
});

/** Project and inheritance as the file system has them. */
function projectOf(path: string): string {
  const [, id = ''] = /projid = (\d+)/.exec(run('xfs_io', '-r', '-c', 'stat', path)) ?? [];
  const flags = run('xfs_io', '-r', '-c', 'lsattr', path).split(' ')[0] ?? '';
  return `${id}${flags.includes('P') ? ' inherits' : ''}`;
}

describe('a tree with content', () => {
  it('is put into the project with all below, files of subordinate ids and closed directories too', () => {
    directory(at('storage/layer'));
    own(at('storage'));
    const files = [
      file(at('top')),
      file(at('storage/layer/mine')),
      file(at('storage/layer/mapped'), SUBORDINATE + 33),
      directory(at('storage/layer/closed'), SUBORDINATE),
    ];
    chmodSync(at('storage/layer/closed'), 0);
    const found = walkTree(request());
    expect(found).toMatchObject({ changed: 7, uncounted: 0, failed: 0, foreign: 0 });
    expect(files.map(projectOf)).toEqual([`${PROJECT}`, `${PROJECT}`, `${PROJECT}`, `${PROJECT} inherits`]);
    expect(projectOf(at('.'))).toBe(`${PROJECT} inherits`);
    expect(projectOf(join(home, '.local/share'))).toBe('0');
  });

  it('has nothing to do the second time, and goes on where a walk was ended', () => {
    for (const name of ['a', 'b', 'c']) file(at(name));
    walkTree(request());
    run('xfs_io', '-r', '-c', 'chproj 0', at('b'));
    expect(walkTree(request())).toMatchObject({ counted: 3, changed: 1 });
    expect(walkTree(request())).toMatchObject({ counted: 4, changed: 0 });
  });

  it('is only looked at under check, which names the first file and the space that is not counted', () => {
    directory(at('storage'));
    file(at('storage/seen'));
    walkTree(request());
    file(at('storage/hidden'));
    run('xfs_io', '-r', '-c', 'chproj 0', at('storage/hidden'));
    const found = walkTree(request({ mode: 'check' }));
    expect(found).toMatchObject({
      counted: 3,
      changed: 0,
      uncounted: 1,
      uncountedBytes: 4096,
      example: 'storage/hidden',
    });
    expect(projectOf(at('storage/hidden'))).toBe('0');
    run('xfs_io', '-r', '-c', 'chattr -P', at('storage'));
    expect(walkTree(request({ mode: 'check' }))).toMatchObject({ uncounted: 2, example: 'storage' });
  });

  it('keeps links, FIFOs and sockets closed: they are counted or told, never opened', () => {
    symlinkSync('/etc/shadow', at('link'));
    own(at('link'));
    run('mkfifo', at('fifo'));
    own(at('fifo'));
    const { counted, changed, special, failed, uncounted } = walkTree(request());
    expect({ failed, uncounted }).toEqual({ failed: 0, uncounted: 0 });
    // Linux 6.17 has a call for them.
    expect([changed, special]).toEqual(special === 0 ? [3, 0] : [1, 2]);
    expect(counted).toBe(0);
  });
});

describe('what a hostile user lays out', () => {
  it('files of others, reached by a second name or lying there, are left alone', () => {
    const secret = file(join(home, 'root-file'), 0);
    linkSync(secret, at('second-name'));
    mkdirSync(at('of-root'));
    file(at('of-root/below'));
    expect(walkTree(request())).toMatchObject({ foreign: 2, changed: 1, uncounted: 0 });
    expect([secret, at('of-root'), at('of-root/below')].map(projectOf)).toEqual(['0', '0', '0']);
  });

  it('a link to a directory elsewhere is not followed', () => {
    const outside = directory(join(home, 'outside'));
    file(join(outside, 'file'));
    symlinkSync(outside, at('storage'));
    own(at('storage'));
    walkTree(request());
    expect([outside, join(outside, 'file')].map(projectOf)).toEqual(['0', '0']);
  });

  it('a mount inside of the tree is not crossed', () => {
    const outside = directory(join(home, 'outside'));
    directory(at('mounted'));
    run('mount', '--bind', '--', outside, at('mounted'));
    try {
      expect(walkTree(request())).toMatchObject({ mounts: 1, changed: 1 });
      expect(projectOf(outside)).toBe('0');
    } finally {
      run('umount', '--', at('mounted'));
    }
  });

  it('directories deeper than can be walked are told', () => {
    const script = 'cd "$1"; i=0; while [ $i -lt 1010 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done';
    run('setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', 'sh', '-c', script, 'sh', at('.'));
    expect(walkTree(request())).toMatchObject({ changed: 1001, deep: 1, failed: 0 });
  });

  it.each([
    ['a link above the tree', () => renameAndLink(join(home, '.local')), /symbolic link/],
    ['a link for the tree', () => renameAndLink(at('.').replace(/\/\.?$/, '')), /symbolic link/],
    ['a directory of others above it', () => chownSync(join(home, '.local/share'), 0, 0), /belongs to another user/],
    ['no tree', () => rmSync(at('.'), { recursive: true }), /does not exist/],
  ])('%s is refused', (_, prepare, why) => {
    prepare();
    expect(() => walkTree(request())).toThrow(
      expect.objectContaining({ code: 'step.failed', why: expect.stringMatching(why) }),
    );
  });

  it('names with newlines and bytes that are no text come through the report', () => {
    file(Buffer.concat([Buffer.from(`${at('.')}/a\n`), Buffer.from([0xff])]) as unknown as string);
    run('xfs_io', '-r', '-c', `chproj ${PROJECT}`, '-c', 'chattr +P', at('.'));
    expect(walkTree(request({ mode: 'check' }))).toMatchObject({ counted: 1, uncounted: 1, example: 'a\n\ufffd' });
    walkTree(request());
    expect(walkTree(request({ mode: 'check', project: PROJECT + 1 }))).toMatchObject({
      uncounted: 2,
      example: '.',
    });
  });
});

function renameAndLink(path: string): void {
  renameSync(path, `${path}.real`);
  symlinkSync(`${path}.real`, path);
  own(path);
  expect(dirname(path)).toContain(home);
}

describe('a file system that limits nothing', () => {
  // Without the mount option; a kernel that has no quota at all says the same as `noquota`.
  it('is told, with what would have to be done', async () => {
    const { why } = await readHomeQuota(home, [PROJECT]);
    expect(why).toMatch(/^home is on XFS (mounted with noquota|without project quota).*; mount it with prjquota/);
    expect(await readHomeQuota('/proc', [PROJECT])).toEqual({ why: expect.stringMatching(/^home is on .*, not XFS$/) });
  });
});

describe('iso-tree refuses before the first system call on the tree', () => {
  const head = ['iso-tree-1', 'tag', UID, PROJECT, '/', TREE];
  it.each([
    ['nothing at all', []],
    ['another version', ['iso-tree-2', ...head.slice(1), 0]],
    ['an unknown mode', ['iso-tree-1', 'untag', ...head.slice(2), 0]],
    ['uid 0', ['iso-tree-1', 'tag', 0, ...head.slice(3), 0]],
    ['project 0', ['iso-tree-1', 'tag', UID, 0, ...head.slice(4), 0]],
    ['clear with a project', ['iso-tree-1', 'clear', ...head.slice(2), 0]],
    ['a project of too many bits', ['iso-tree-1', 'tag', UID, 2 ** 32, ...head.slice(4), 0]],
    ['a relative home', ['iso-tree-1', 'tag', UID, PROJECT, 'home', TREE, 0]],
    ['a path out of the home', ['iso-tree-1', 'tag', UID, PROJECT, '/', '../etc', 0]],
    ['the home itself', ['iso-tree-1', 'tag', UID, PROJECT, '/', '', 0]],
    ['fewer ranges than it says', [...head, 2, 600000, 65536]],
    ["a range with root's id", [...head, 1, 0, 65536]],
    ['a token too many', [...head, 0, 'x']],
  ])('%s', (_, tokens) => {
    const { stdout, status } = spawnSync(installed('iso-tree'), [], { input: encodeTokens(tokens) });
    expect(decodeTokens(stdout)?.slice(0, 2).map(String)).toEqual(['fatal', 'decode']);
    expect(status).toBe(1);
  });
});
