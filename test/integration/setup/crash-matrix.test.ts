/**
 * iso-setup killed at every system call that writes, in itself and in the users' processes, then run again: the state is
 * that of a run which nobody disturbed, byte for byte. With `error=` in place of the kill the disk is full or read-only.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTracedInstall, type Place, type Point, run, runInto, snapshot, withRoot } from './crash-points.js';
import type { Thing } from './scratch-root.js';

const users = [
  { name: 'alice', uid: 70001 },
  { name: 'bob', uid: 70002 },
];
const things: Thing[] = [
  {
    path: 'etc/passwd',
    type: 'file',
    content: users.map(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/sh\n`).join(''),
  },
  { path: 'etc/group', type: 'file', content: '' },
  { path: 'etc/subuid', type: 'file', content: 'other:100000:65536\n' },
  { path: 'etc/subgid', type: 'file', content: 'other:100000:65536\nanother:524288:65536\n' },
  ...users.map(({ name, uid }) => ({ path: `home/${name}`, type: 'directory' as const, uid, mode: '700' })),
];

const WRITING = ['write', 'fsync', 'rename', 'mkdir', 'fchown', 'fchmod', 'ftruncate', 'link', 'unlink'];
const USERS_WRITING = ['mkdirat', 'fchmod', 'write', 'renameat', 'syncfs'];
const MAX_CALLS = 200;
/** Runs that are under way at the same time, each in a root of its own. */
const AT_ONCE = 3;

/** Files of root's that are written beside their place, and the journal. */
const PREPARED = [
  'etc/subuid.iso-new',
  'etc/subgid.iso-new',
  'etc/subuid-.iso-new',
  'var/lib/iso/ranges.json.iso-new',
  'var/lib/iso/users/70001.json.iso-new',
  'var/lib/iso/host.json.iso-new',
  'var/lib/iso/journal',
  'etc/systemd/system/user@.service.d/50-iso-toolkit.conf.iso-new',
];

interface Sweep {
  name: string;
  prepare: string[][];
  args: string[];
  place: Place;
  syscalls: string[];
  effect: string;
  files?: string[];
}

const set: Pick<Sweep, 'prepare' | 'args'> = { prepare: [], args: ['user', 'alice', 'bob'] };
const one: Pick<Sweep, 'prepare' | 'args'> = { prepare: [], args: ['user', 'alice'] };
const take: Pick<Sweep, 'prepare' | 'args'> = { prepare: [one.args], args: ['remove', 'alice', '--purge'] };
const host: Pick<Sweep, 'prepare' | 'args'> = { prepare: [], args: ['system'] };
const KILL = 'signal=KILL';
const FULL = 'error=ENOSPC';

const sweeps: Sweep[] = [
  { name: 'user: killed', ...set, place: 'iso-setup', syscalls: WRITING, effect: KILL },
  { name: "user: the user's process killed", ...one, place: 'iso-home', syscalls: USERS_WRITING, effect: KILL },
  { name: 'remove: killed', ...take, place: 'iso-setup', syscalls: ['fsync', 'rename', 'unlink'], effect: KILL },
  { name: "remove: the user's process killed", ...take, place: 'iso-home', syscalls: ['unlinkat'], effect: KILL },
  { name: 'system: killed', ...host, place: 'iso-setup', syscalls: ['fsync', 'rename'], effect: KILL },
  { name: 'user: disk full', ...one, place: 'iso-setup', syscalls: ['write', 'fsync'], effect: FULL, files: PREPARED },
  { name: 'user: /etc read-only', ...one, place: 'iso-setup', syscalls: ['rename'], effect: 'error=EROFS' },
  { name: 'user: home full', ...one, place: 'iso-home', syscalls: ['mkdirat', 'renameat', 'syncfs'], effect: FULL },
];

/** One toolkit for each run at the same time, since what is injected into iso-home is told by a file in it. */
let installs: string[] = [];
beforeAll(() => {
  installs = Array.from({ length: AT_ONCE }, makeTracedInstall);
});
afterAll(() => {
  for (const install of installs) rmSync(install, { recursive: true });
});

type Outcome = 'same' | 'differs' | 'not reached';

/** Disturbs one run, runs the command again, and compares. */
function tryPoint(sweep: Sweep, point: Point, install: string, expected: readonly string[]): Promise<Outcome> {
  return withRoot(things, sweep.prepare, async (root) => {
    const args = [...sweep.args, '--root', root];
    const files = sweep.files?.map((file) => join(root, file));
    const disturbed = await runInto({ ...point, ...(files ? { files } : {}) }, args, install);
    if (disturbed.status === 0) return 'not reached';
    const again = await run(args);
    expect({ point, status: again.status, stderr: again.stderr.replace(/^iso-setup: .*\n/gm, '') }).toEqual({
      point,
      status: 0,
      stderr: '',
    });
    expect({ point, state: snapshot(root) }).toEqual({ point, state: expected });
    return 'same';
  });
}

/** How many such calls there were; each was disturbed once. */
async function sweepCalls(sweep: Sweep, syscall: string, expected: readonly string[]): Promise<number> {
  for (let done = 0; done < MAX_CALLS; done += AT_ONCE) {
    const { place, effect } = sweep;
    const outcomes = await Promise.all(
      installs.map((install, index) =>
        tryPoint(sweep, { place, syscall, effect, when: done + index + 1 }, install, expected),
      ),
    );
    const end = outcomes.indexOf('not reached');
    if (end >= 0) return done + end;
  }
  throw new Error(`${syscall} is called more than ${MAX_CALLS} times`);
}

describe('a run that is disturbed at any call, and then one that is not', () => {
  const table: string[] = [];
  afterAll(() => {
    process.stdout.write(`\n${table.join('\n')}\n\n`);
  });

  it.each(sweeps)(
    '$name',
    async (sweep) => {
      const expected = await withRoot(things, sweep.prepare, async (root) => {
        expect(await run([...sweep.args, '--root', root])).toMatchObject({ status: 0, stderr: '' });
        return snapshot(root);
      });
      for (const syscall of sweep.syscalls) {
        const calls = await sweepCalls(sweep, syscall, expected);
        expect({ syscall, calls }).not.toEqual({ syscall, calls: 0 });
        table.push(`${sweep.name.padEnd(36)} ${syscall.padEnd(10)} ${String(calls).padStart(3)} calls, all made good`);
      }
    },
    900_000,
  );
});
