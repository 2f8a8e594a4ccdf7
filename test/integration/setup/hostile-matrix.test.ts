/** What a home may hold, made by the user or by chance: refused with the reason, or put right; outside of it nothing changes. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { installed } from '../../../src/sys/install.js';
import { snapshot } from './crash-points.js';
import { type Ended, makeRoot } from './scratch-root.js';

const UID = 70001;
const CANARY = [
  { path: 'canary/secret', type: 'file', mode: '600', content: 'root only\n' },
  { path: 'canary/open', type: 'directory', mode: '777' },
] as const;

interface Case {
  id: string;
  what: string;
  /** Run by root in the home; the user's own things are made with `as`. */
  prepare: string;
  /** Undefined when it is set up in spite of it. */
  refused?: RegExp;
  /** Printed by this script in the home afterwards. */
  after?: [script: string, printed: string];
}

const TREE = '.local/share/containers';
const modes = (paths: string): string => `stat -c '%a %u:%g' ${paths}`;

const cases: Case[] = [
  {
    id: 'S1',
    what: 'a link above the tree',
    prepare: 'as mkdir x; as ln -s x .local',
    refused: /\.local is a symbolic link/,
  },
  {
    id: 'S1',
    what: 'a link to a directory that all may write',
    prepare: `as mkdir -p .local/share; as ln -s /canary/open ${TREE}`,
    refused: /is a symbolic link/,
  },
  {
    id: 'S1',
    what: 'a link in the place of a file',
    prepare: 'as mkdir -p .config/containers; as ln -s /canary/secret .config/containers/policy.json',
    refused: /is a symbolic link/,
  },
  {
    id: 'S1',
    what: 'a link where the new file is prepared',
    prepare: 'as mkdir -p .config/containers; as ln -s /canary/secret .config/containers/.policy.json.iso-new',
    after: [
      'stat -c %F .config/containers/policy.json; ls -A .config/containers | grep -c iso-new',
      'regular file\n0\n',
    ],
  },
  {
    id: 'S2',
    what: 'a second name of a file of root',
    prepare: 'as mkdir -p .config/containers; ln ../../canary/secret .config/containers/policy.json',
    refused: /belongs to uid 0/,
  },
  {
    id: 'S2',
    what: "a second name of the user's own file",
    prepare: 'as mkdir -p .config/containers; as sh -c "echo mine >note"; as ln note .config/containers/policy.json',
    refused: /has 2 names/,
  },
  {
    id: 'S3',
    what: 'a FIFO for a file',
    prepare: 'as mkdir -p .config/containers; as mkfifo .config/containers/storage.conf',
    refused: /is a FIFO/,
  },
  { id: 'S3', what: 'a FIFO for a directory', prepare: 'as mkfifo .local', refused: /is a FIFO/ },
  {
    id: 'S3',
    what: 'a socket for a file',
    prepare: `as mkdir -p .config/containers; as /usr/bin/perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un(".config/containers/storage.conf")) or die'`,
    refused: /is a socket/,
  },
  {
    id: 'S3',
    what: "a device of the user's for a file",
    prepare:
      'as mkdir -p .config/containers; mknod .config/containers/storage.conf c 1 5; chown alice: .config/containers/storage.conf',
    refused: /is a (character )?device/,
  },
  {
    id: 'S3',
    what: 'a directory that its owner may not enter',
    prepare: 'as mkdir .config; as chmod 000 .config',
    refused: /permission denied|EACCES|may not/i,
  },
  {
    id: 'S3',
    what: 'a file that its owner may not read',
    prepare:
      'as mkdir -p .config/containers; as sh -c "echo x >.config/containers/policy.json; chmod 000 .config/containers/policy.json"',
    after: ['cat .config/containers/policy.json', 'x\n'],
  },
  {
    id: 'S4',
    what: 'a tree that is open to all',
    prepare: `as mkdir -p ${TREE}/storage; as chmod 777 ${TREE} ${TREE}/storage`,
    after: [modes(`${TREE} ${TREE}/storage`), '700 70001:70001\n700 70001:70001\n'],
  },
  {
    id: 'S4',
    what: 'a directory of another user',
    prepare: 'mkdir .config; chown 70002 .config',
    refused: /belongs to uid 70002/,
  },
  {
    id: 'S4',
    what: 'a home that hands its group down',
    prepare: 'chgrp 71234 .; chmod 2750 .',
    after: [`stat -c %a .local .config/containers .config/containers/policy.json`, '700\n700\n600\n'],
  },
  {
    id: 'S4',
    what: 'a default ACL for another user',
    prepare: 'setfacl -d -m u:70002:rwx .',
    after: [
      'setpriv --reuid 70002 --regid 70002 --clear-groups -- cat .config/containers/policy.json 2>&1 | grep -c denied; stat -c %a .local .config/containers/policy.json',
      '1\n700\n600\n',
    ],
  },
  {
    id: 'S4',
    what: 'a directory that cannot be changed',
    prepare: 'as mkdir .config; chattr +i .config',
    refused: /EPERM|not permitted|belongs|denied/i,
  },
  {
    id: 'S4',
    what: 'a file that cannot be changed',
    prepare:
      'as mkdir -p .config/containers; as sh -c "echo x >.config/containers/policy.json; chmod 666 .config/containers/policy.json"; chattr +i .config/containers/policy.json',
    refused: /EPERM|not permitted|denied/i,
  },
  { id: 'S4', what: 'a home that others may write', prepare: 'chmod 777 .', refused: /others than alice can write it/ },
  {
    id: 'S8',
    what: 'a home on a mount of its own',
    prepare: 'mount -t tmpfs -o mode=700,uid=70001,gid=70001 own .',
    after: [modes(`"$PWD/${TREE}"`), '700 70001:70001\n'],
  },
  {
    id: 'S8',
    what: 'a home that may not be written',
    prepare: 'mount --bind . .; mount -o remount,bind,ro .',
    refused: /EROFS|read-only/i,
  },
  {
    id: 'S10',
    what: 'the configuration on another mount',
    prepare: 'as mkdir .config; mount -t tmpfs -o mode=700,uid=70001,gid=70001 other .config',
    refused: /another file system|mount/,
  },
  {
    id: 'S10',
    what: 'the tree as a bind mount of a directory of root',
    prepare: `as mkdir -p ${TREE}; mount --bind ../../canary ${TREE}`,
    refused: /another file system|mount/,
  },
];

/** In a mount namespace: the case is made, iso-setup runs, and what it left is printed. */
const SCRIPT = `
root=$1 node=$2 program=$3 prepare=$4 after=$5
as() { setpriv --reuid 70001 --regid 70001 --clear-groups -- "$@"; }
alice() { :; }
mount --bind "$root/etc/passwd" /etc/passwd; mount --bind "$root/etc/group" /etc/group
cd "$root/home/alice"; eval "$prepare"; cd "$root/home/alice"
"$node" "$program" user alice --root "$root" >"$root/out" 2>"$root/err" </dev/null; status=$?
if [ -n "$after" ]; then eval "$after"; fi
cat "$root/err" >&2
chattr -R -i . 2>/dev/null
exit $status`;

function runCase(root: string, { prepare, after }: Case): Ended {
  const args = [root, process.execPath, installed('iso-setup.js'), prepare, after?.[0] ?? ''];
  const command = ['--mount', '--propagation', 'private', 'bash', '--norc', '-c', SCRIPT, 'case', ...args];
  const { status, stdout, stderr } = spawnSync('unshare', command, {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  return { status, stdout, stderr };
}

/** All but the home and what iso-setup may write: its own notes, the ranges, the delegation. */
const outside = (root: string) =>
  snapshot(root).filter((line) => !/^\S+ \d+ \S+ (home\/alice|var|etc\/(sub[ug]id|\.pwd|systemd)|out|err)/.test(line));

describe('a home', () => {
  const table: string[] = [];
  afterAll(() => {
    process.stdout.write(`\n${table.join('\n')}\n\n`);
  });

  it.each(cases)('$id with $what', (one) => {
    const root = makeRoot(undefined, [
      ...CANARY,
      {
        path: 'etc/passwd',
        type: 'file',
        content: `root:x:0:0::/root:/bin/sh\nalice:x:${UID}:${UID}::/home/alice:/bin/sh\n`,
      },
      { path: 'etc/group', type: 'file', content: `root:x:0:\nalice:x:${UID}:\n` },
      { path: 'home/alice', type: 'directory', uid: UID, mode: '755' },
    ]);
    try {
      const before = outside(root);
      const { status, stdout, stderr } = runCase(root, one);
      if (one.refused) {
        expect(stderr).toMatch(one.refused);
        expect(stderr).toMatch(/code: (home\.unsafe|write\.failed)\n$/);
        expect([73, 77]).toContain(status);
      } else {
        expect([stderr, status]).toEqual(['', 0]);
        expect(stdout).toBe(one.after?.[1]);
      }
      expect(outside(root)).toEqual(before);
      const why = /why: +(.*)/.exec(stderr)?.[1] ?? 'set up';
      table.push(`${one.id.padEnd(4)} ${one.what.padEnd(52)} ${one.refused ? 'refused' : 'handled'}: ${why}`);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
