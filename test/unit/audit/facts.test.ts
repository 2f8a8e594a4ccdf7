import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dependsOnOthers } from '../../../src/facts/dead-homes.js';
import { hasFuseBelow, mountOf, parseMountinfo } from '../../../src/facts/mounts.js';
import { parseCapabilities, parseIdMap, parseStatus } from '../../../src/facts/processes.js';
import { findSharedIds, longestRun } from '../../../src/facts/subid-faults.js';
import { mergeRanges, overlaps, parseSubids } from '../../../src/facts/subids.js';

const MOUNTINFO = `22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
60 27 0:45 /sub /home/al\\040ice/a\\134b rw,nosuid,nodev - fuse.sshfs me@host:/ rw,user_id=1000
61 27 0:46 / /home/carol rw - fuseblk /dev/sdb1 rw
62 22 0:47 / /proc/kcore ro - tmpfs tmpfs ro
torn line
`;

test('mounts, with escapes, propagation and lines that are none', () => {
  const mounts = parseMountinfo(MOUNTINFO);
  expect(mounts.map(({ destination }) => destination)).toEqual([
    '/proc',
    '/',
    '/home/al ice/a\\b',
    '/home/carol',
    '/proc/kcore',
  ]);
  expect(mounts[1]).toEqual({
    id: 27,
    parent: 1,
    device: '254:0',
    root: '/',
    destination: '/',
    options: ['rw', 'relatime'],
    propagation: ['shared:1', 'master:2'],
    type: 'ext4',
    source: '/dev/vda',
    superOptions: ['rw', 'discard'],
  });
});

test.each([
  ['/home/al ice', true],
  ['/home/al', false],
  ['/home/carol/', true],
  ['/home/dave', false],
  ['/', true],
])('FUSE below %s: %s', (directory, expected) => {
  expect(hasFuseBelow(parseMountinfo(MOUNTINFO), directory)).toBe(expected);
});

test.each([
  ['1 0 0:1 / /home rw - nfs4 server:/home rw', true],
  ['1 0 0:1 / /home/al rw - fuse.sshfs me@host:/ rw', true],
  ['1 0 0:1 / /home rw - xfs /dev/sdb rw', false],
  ['1 0 0:1 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw', false],
  ['1 0 0:1 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw', false],
])('with the mount %s files are for others to answer for: %s', (mount, expected) => {
  expect(dependsOnOthers(parseMountinfo(mount))).toBe(expected);
});

test.each([
  ['/proc/kcore', '/proc/kcore'],
  ['/proc/keys', '/proc'],
  ['/process', '/'],
])('%s lies on the mount at %s', (path, destination) => {
  expect(mountOf(parseMountinfo(MOUNTINFO), path)?.destination).toBe(destination);
});

test('status of a confined process', () => {
  const text = `Name:\tsh
Umask:\t0022
State:\tS (sleeping)
Uid:\t165536\t165536\t165536\t165536
Gid:\t100\t100\t100\t100
CapInh:\t0000000000000000
CapPrm:\t00000000000005fb
CapEff:\t00000000000000c0
CapBnd:\t80000000000005fb
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t3
Seccomp:\t0
`;
  expect(parseStatus(text)).toEqual({
    state: 'S',
    uids: [165536, 165536, 165536, 165536],
    gids: [100, 100, 100, 100],
    noNewPrivs: 1,
    seccomp: 2,
    seccompFilters: 3,
    capabilities: {
      inheritable: [],
      permitted: expect.arrayContaining(['CAP_CHOWN', 'CAP_NET_BIND_SERVICE']),
      effective: ['CAP_SETGID', 'CAP_SETUID'],
      bounding: expect.arrayContaining(['CAP_CHOWN', 'CAP_63']),
      ambient: [],
    },
  });
});

test('status of a process without the fields counts as unconfined', () => {
  expect(parseStatus('Name:\tkthread\n')).toMatchObject({ noNewPrivs: 0, seccomp: 0, uids: [] });
});

test('all capabilities of a full set', () => {
  const all = parseCapabilities('000001ffffffffff');
  expect([all.length, all[0], all[21], all[40]]).toEqual([41, 'CAP_CHOWN', 'CAP_SYS_ADMIN', 'CAP_CHECKPOINT_RESTORE']);
});

test('id maps as the kernel aligns them', () => {
  expect(parseIdMap('         0       1000          1\n         1     165536      65536\n')).toEqual([
    { containerId: 0, hostId: 1000, size: 1 },
    { containerId: 1, hostId: 165536, size: 65536 },
  ]);
});

const range = fc.record({ start: fc.nat(60), count: fc.integer({ min: 1, max: 12 }) });

test('merged ranges hold exactly the same ids, apart from each other', () => {
  const ids = (ranges: readonly { start: number; count: number }[]) =>
    new Set(ranges.flatMap(({ start, count }) => Array.from({ length: count }, (_, index) => start + index)));
  const run = () =>
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
        const merged = mergeRanges(ranges);
        const [a, b] = [ids(ranges), ids(merged)];
        const apart = merged.every((one, index) => index === 0 || one.start > lastOf(merged[index - 1]) + 1);
        return apart && a.size === b.size && [...a].every((id) => b.has(id));
      }),
    );
  expect(run).not.toThrow();
  expect(longestRun([])).toBe(0);
  expect(
    longestRun([
      { start: 100, count: 10 },
      { start: 200, count: 5 },
      { start: 110, count: 10 },
    ]),
  ).toBe(20);
});

function lastOf(one: { start: number; count: number } | undefined): number {
  return one ? one.start + one.count - 1 : -2;
}

test('shared ids are found exactly when a comparison of every pair finds them', () => {
  const owned = fc.record({
    owner: fc.constantFrom('a', 'b', 'c'),
    start: fc.integer({ min: 1, max: 60 }),
    count: fc.integer({ min: 1, max: 12 }),
  });
  const run = () =>
    fc.assert(
      fc.property(
        fc.array(owned, { maxLength: 7 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { maxLength: 3 }),
        (all, ids) => {
          const lines = parseSubids(all.map(({ owner, start, count }) => `${owner}:${start}:${count}\n`).join(''));
          const pair = all.some((one) => all.some((other) => one.owner !== other.owner && overlaps(one, other)));
          const real = all.some(({ start, count }) => ids.some((id) => id >= start && id < start + count));
          const found = findSharedIds(
            lines,
            ids.map((id) => ({ name: `u${id}`, id })),
            (owner) => owner,
          );
          return found.length > 0 === (pair || real);
        },
      ),
    );
  expect(run).not.toThrow();
});

test('a login name and its uid are one owner', () => {
  const lines = parseSubids('alice:100:10\n1000:105:10\n');
  expect(findSharedIds(lines, [], (owner) => (owner === '1000' ? 'alice' : owner))).toEqual([]);
  expect(findSharedIds(lines, [], (owner) => owner)).toEqual(['alice and 1000 share ids from 105']);
});
