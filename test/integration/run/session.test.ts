/** The session's process that waits for the next launch. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeFront, makeRunUser, pidsOf, type RunUser, signalOne } from './run-user.js';

let user: RunUser;
let front: string;

beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());

const run = (...args: string[]) => user.run([front, 'run', '--rm', 'base', ...args]);
const ready = () => until(() => pidsOf(user, 'iso-spare').length === 1);
const SCRIPT = 'echo $(readlink /proc/self/ns/net) $(cat /sys/class/net/*/operstate)';

/** In a mount namespace of the test's own, which the session that the first run starts shares. */
const LATE_MOUNT = `
as() { runuser -u "$user" -- env -i HOME="$home" PATH=/usr/bin:/bin "$front" run --rm "$@"; }
as base true
mkdir "$place"
mount -t tmpfs -o mode=755 late "$place"
echo late >"$place/file"
as -v "$place:/late:ro" base cat /late/file
umount "$place"
`;

describe('what is made ahead', () => {
  it('sees what was mounted after it was made, and keeps nothing busy', () => {
    const env = { PATH: process.env.PATH, user: user.name, home: user.home, front, place: join(user.scratch, 'late') };
    const argv = ['--mount', '--propagation', 'private', '--', 'sh', '-ec', LATE_MOUNT];
    expect(execFileSync('unshare', argv, { env, cwd: user.home, encoding: 'utf8' })).toBe('late\n');
  });

  it('serves one launch: two containers have two network namespaces', async () => {
    expect(run('true').status).toBe(0);
    await ready();
    const first = user.spawn([front, 'run', '--rm', 'base', 'sh', '-c', `${SCRIPT}; sleep 1000`], { stdio: 'pipe' });
    const [seen] = (await once(first.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    await ready();
    const second = run('sh', '-c', SCRIPT).stdout;
    for (const text of [String(seen), second]) expect(text).toMatch(/^net:\[\d+\] unknown\n$/);
    expect(String(seen)).not.toBe(second);
    first.kill('SIGTERM');
    signalOne(user, 'sleep', 'SIGKILL');
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
  });

  it('may be killed: the next launch does without', async () => {
    await ready();
    signalOne(user, 'iso-spare', 'SIGKILL');
    expect(run('echo', 'served').stdout).toBe('served\n');
    await ready();
  });
});
