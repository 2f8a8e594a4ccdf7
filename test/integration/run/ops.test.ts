import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childMapping, mapText, rootlessMapping } from '../../../src/lib/id-mapping.js';
import { installed } from '../../../src/sys/install.js';
import { OPS, type Op, type PlannedOp, type Stage } from '../../../src/sys/launcher/ops.js';
import { makeRunUser, type RunUser } from './run-user.js';

const { EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENODEV, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM, EROFS } = constants.errno;

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const op = (stage: Stage, ...op: Op): PlannedOp => ({ stage, op, origin: 'test' });

/** A small plan that works, in which each test puts one op: before `at`, or in its place. */
function plan(bad: PlannedOp, at: Op[0], replace: boolean): { ops: PlannedOp[]; index: number } {
  const maps = rootlessMapping(user.uid, [{ start: user.firstSubid, count: 65536 }]);
  const inner = mapText(childMapping(maps));
  const ops: PlannedOp[] = [
    op('host', 'stdio', 'null', ''),
    op('host', 'session', '/usr/bin/newuidmap', mapText(maps), '/usr/bin/newgidmap', mapText(maps)),
    op('session', 'propagation', 'private'),
    op('session', 'container', inner, inner),
    op('container', 'propagation', 'private'),
    op('container', 'tmpfs-root', '/sys'),
    op('container', 'mkdir', '/usr', 0o755),
    op('container', 'bind', '/usr', '/usr', 'ro,nosuid,nodev', 'directory', ''),
    op('container', 'symlink', 'usr/lib64', '/lib64'),
    op('container', 'symlink', 'usr/lib', '/lib'),
    op('container', 'mkdir', '/dev', 0o755),
    op('container', 'device', '/dev/null', '/dev/null', 1, 3),
    op('container', 'pivot', 0),
    op('container', 'cap-bound', 1n),
    op('container', 'groups', '0'),
    op('container', 'ids', 0, 0),
    op('container', 'caps', 1n, 1n, 0n, 0n),
    op('container', 'no-new-privs'),
    op('container', 'arg', '/usr/bin/true'),
    op('container', 'exec', '/usr/bin'),
  ];
  const index = ops.findIndex((planned) => planned.op[0] === at);
  ops.splice(index, replace ? 1 : 0, bad);
  return { ops, index };
}

describe('the table of ops', () => {
  it('is the same on both sides', () => {
    const printed = execFileSync(installed('iso-launch'), ['--ops'], { encoding: 'utf8' }).trim().split('\n');
    const ours = Object.entries(OPS).map(([name, [args, ...stages]]) => [name, args, ...stages].join(' '));
    expect(printed.sort()).toEqual(ours.sort());
  });

  it('says that the launcher is not for people', () => {
    expect(() => execFileSync(installed('iso-launch'), { stdio: 'pipe' })).toThrow(/started by iso-run/);
  });
});

describe('a signal before the container lives', () => {
  const slow = (signal: NodeJS.Signals) => {
    const { ops } = plan(op('container', 'mkdir', '/extra', 0o755), 'pivot', false);
    const program = join(user.scratch, 'slow-newuidmap');
    writeFileSync(program, '#!/bin/sh\nsleep 0.5\nexec /usr/bin/newuidmap "$@"\n', { mode: 0o755 });
    const session = ops.map(({ op }) => op).find((planned) => planned[0] === 'session');
    const maps = session?.[0] === 'session' ? [session[2], session[4]] : [];
    const slowed = op('host', 'session', program, maps[0] ?? '', '/usr/bin/newgidmap', maps[1] ?? '');
    return user.launch(
      ops.map((planned) => (planned.op[0] === 'session' ? slowed : planned)),
      (launcher) => setTimeout(() => launcher.kill(signal), 250),
    );
  };

  it('ends the launch', async () => {
    expect(await slow('SIGTERM')).toEqual({ kind: 'died', status: 'status 143', started: false });
  });

  it('does not, when it only says that the caller goes on', async () => {
    expect(await slow('SIGCONT')).toMatchObject({ kind: 'exited', code: 0 });
  });
});

describe('a failed op is reported with its index and errno', () => {
  it('and the plan itself works', async () => {
    const { ops } = plan(op('container', 'mkdir', '/extra', 0o755), 'pivot', false);
    expect(await user.launch(ops)).toEqual({ kind: 'exited', code: 0, cleanup: [] });
  });

  const before: [string, Op, Stage, Op[0], number][] = [
    ['a directory below a file', ['mkdir', '/dev/null/x', 0o755], 'container', 'pivot', ENOTDIR],
    ['a directory on a read-only mount', ['mkdir', '/usr/x', 0o755], 'container', 'pivot', EROFS],
    ['a relative path', ['mkdir', 'x', 0o755], 'container', 'pivot', EINVAL],
    ['a symbolic link that exists', ['symlink', 'x', '/lib'], 'container', 'pivot', EEXIST],
    ['a file where a directory cannot be', ['touch', '/dev/null/x', 0o644], 'container', 'pivot', ENOTDIR],
    ['a source that does not exist', ['bind', '/nowhere', '/usr', '', 'directory', ''], 'container', 'pivot', ENOENT],
    [
      'a source behind a symbolic link',
      ['bind', '/bin/true', '/dev/null', '', 'file', ''],
      'container',
      'pivot',
      ELOOP,
    ],
    ['a source of another kind', ['bind', '/etc/passwd', '/usr', '', 'directory', ''], 'container', 'pivot', ENOTDIR],
    ['a source of the other kind', ['bind', '/etc', '/usr', '', 'file', ''], 'container', 'pivot', EISDIR],
    ['a target that does not exist', ['bind', '/etc', '/nowhere', '', 'directory', ''], 'container', 'pivot', ENOENT],
    ['an unknown mount word', ['bind', '/etc', '/usr', 'suid', 'directory', ''], 'container', 'pivot', EINVAL],
    ['a device of another number', ['device', '/dev/zero', '/dev/zero', 1, 3], 'container', 'pivot', ENODEV],
    ['a file as a device', ['device', '/etc/passwd', '/dev/zero', 1, 5], 'container', 'pivot', ENODEV],
    ['a file system that does not exist', ['mount', 'nosuchfs', '/usr', '', '', ''], 'container', 'pivot', ENODEV],
    ['mount data that is none', ['mount', 'tmpfs', '/dev', '', 'bogus=1', ''], 'container', 'pivot', EINVAL],
    ['a symbolic link as a mount point', ['mount', 'tmpfs', '/lib', '', '', ''], 'container', 'pivot', ELOOP],
    ['a masked path behind a link', ['mask', '/lib/x'], 'container', 'pivot', ELOOP],
    ['a terminal without devpts', ['terminal', 0], 'container', 'pivot', ENOENT],
    ['a long host name', ['hostname', 'x'.repeat(65)], 'container', 'pivot', EINVAL],
    ['a setting that does not exist', ['sysctl', 'user/nowhere', '0'], 'container', 'pivot', ENOENT],
    ['an unknown namespace', ['namespace', 'bogus' as 'network'], 'container', 'pivot', EINVAL],
    ['a resource limit that does not exist', ['rlimit', 99, 1, 1], 'container', 'no-new-privs', EINVAL],
    ['groups that are not numbers', ['groups', 'wheel'], 'container', 'ids', EINVAL],
    ['groups that are not mapped', ['groups', '70000'], 'container', 'ids', EINVAL],
    ['ids that are not mapped', ['ids', 70000, 0], 'container', 'ids', EINVAL],
    ['the id that means unchanged', ['ids', 4294967295, 0], 'container', 'ids', EINVAL],
    ['capabilities that are gone', ['caps', 3n, 3n, 0n, 0n], 'container', 'no-new-privs', EPERM],
    ['an ambient capability that is not inheritable', ['caps', 1n, 1n, 0n, 1n], 'container', 'no-new-privs', EPERM],
    ['a directory that does not exist', ['chdir', '/nowhere'], 'container', 'no-new-privs', ENOENT],
    ['a filter of a broken size', ['seccomp', 0, new Uint8Array(7)], 'container', 'arg', EINVAL],
    ['a filter that is none', ['seccomp', 0, new Uint8Array(8)], 'container', 'arg', EINVAL],
    ['an environment entry without a name', ['env', 'novalue'], 'container', 'exec', EINVAL],
    ['a cgroup that is a plain directory', ['cgroup-make', '/tmp'], 'host', 'session', EOPNOTSUPP],
    ['a cgroup file that is a path', ['cgroup-write', '/tmp', '../x', '1'], 'host', 'session', EINVAL],
    ['a root that is no directory', ['root', '/etc/passwd'], 'session', 'container', ENOTDIR],
    ['a root behind a link', ['root', '/bin'], 'session', 'container', ENOTDIR],
    [
      'an overlay of nothing',
      ['overlay', '/nowhere', '/nowhere', '/nowhere', '/mnt', '', ''],
      'session',
      'container',
      ENOENT,
    ],
    [
      'an overlay path that would be another option',
      ['overlay', '/usr', '/tmp/a,lowerdir=/etc', '/tmp', '/mnt', '', ''],
      'session',
      'container',
      EINVAL,
    ],
    [
      'a storage path that would be another option',
      ['fuse-overlayfs', '/usr/bin/fuse-overlayfs', '/usr,x', '/tmp', '/tmp', '/mnt', ''],
      'session',
      'container',
      EINVAL,
    ],
    [
      'a storage program that is missing',
      ['fuse-overlayfs', '/nowhere', '/usr', '/usr', '/usr', '/mnt', ''],
      'session',
      'container',
      ENOENT,
    ],
  ];

  it.each(before)('%s', async (_, bad, stage, at, errno) => {
    const { ops, index } = plan(op(stage, ...bad), at, false);
    expect(await user.launch(ops)).toMatchObject({ kind: 'failed', exec: false, failure: { index, errno } });
  });

  const instead: [string, Op, Stage, Op[0], number][] = [
    ["another user's file to relabel", ['relabel', '/etc/passwd', 'a:b:c:s0'], 'host', 'session', EPERM],
    ['a link to relabel', ['relabel', '/bin', 'a:b:c:s0'], 'host', 'session', ELOOP],
    ['an unknown stream mode', ['stdio', 'bogus', ''], 'host', 'stdio', EINVAL],
    ['an unknown propagation', ['propagation', 'shared' as 'private'], 'session', 'propagation', EINVAL],
    ['a root that is missing', ['root', '/nowhere'], 'container', 'tmpfs-root', ENOENT],
  ];
  it.each(instead)('%s', async (_, bad, stage, at, errno) => {
    const { ops, index } = plan(op(stage, ...bad), at, true);
    expect(await user.launch(ops)).toMatchObject({ kind: 'failed', exec: false, failure: { index, errno } });
  });

  it('refuses a null device that is another one (CVE-2025-31133)', async () => {
    const { ops } = plan(op('container', 'device', '/dev/zero', '/dev/null', 1, 5), 'device', true);
    const index = ops.findIndex((planned) => planned.op[0] === 'pivot');
    expect(await user.launch(ops)).toMatchObject({ kind: 'failed', failure: { index, errno: ENODEV } });
  });

  it("names newuidmap's refusal of foreign ids, with its status", async () => {
    const foreign = op(
      'host',
      'session',
      '/usr/bin/newuidmap',
      `0 ${user.uid} 1 1 0 1`,
      '/usr/bin/newgidmap',
      `0 ${user.uid} 1`,
    );
    const { ops, index } = plan(foreign, 'session', true);
    expect(await user.launch(ops)).toMatchObject({ kind: 'failed', failure: { index, errno: EPERM, detail: 256 } });
  });

  it('tells execve from the ops before it', async () => {
    for (const [command, errno] of [
      ['/nowhere', ENOENT],
      ['/usr/share', EACCES],
      ['nowhere', ENOENT],
    ] as const) {
      const { ops } = plan(op('container', 'arg', command), 'arg', true);
      expect(await user.launch(ops)).toMatchObject({
        kind: 'failed',
        exec: true,
        failure: { index: ops.length - 1, errno },
      });
    }
  });

  it('knows that a plan without exec ran nothing', async () => {
    const { ops } = plan(op('container', 'mkdir', '/x', 0o755), 'exec', true);
    expect((await user.launch(ops)).kind).not.toBe('exited');
  });
});
