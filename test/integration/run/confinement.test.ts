/** What options change of a payload's confinement, seen from inside; and that none opens what they may only close. */

import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRunUser, type RunUser } from './run-user.js';

const { EPERM, EACCES, ENOSYS } = constants.errno;

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

function profile(name: string, content: object | string): string {
  const path = join(user.scratch, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return `seccomp=${path}`;
}
const run = async (...args: string[]) => {
  const { status, stdout, stderr } = await user.isoRun(['run', '--rm', ...args]);
  return `${status}: ${stdout}${stderr}`;
};

describe('a system-call filter of the user', () => {
  it('takes away what it says, beside what the toolkit takes away', async () => {
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: EACCES };
    const closed = profile('closed.json', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] });
    const script = 'mkdir /x; grep Seccomp_filters /proc/self/status';
    expect(await run('--security-opt', closed, 'base', 'sh', '-c', script)).toMatch(
      /^0: Seccomp_filters:\t4\n.*Permission denied/,
    );
  });

  it('opens nothing', async () => {
    const open = profile('open.json', { defaultAction: 'SCMP_ACT_ALLOW' });
    expect(await user.attempts(['--security-opt', open])).toMatchObject({
      mount: EPERM,
      keyctl: EPERM,
      bpf: EPERM,
      clone3: ENOSYS,
      'unshare-user': EPERM,
    });
  });

  it('may forbid further filters, and what it forbids of the start is told', async () => {
    const last = { names: ['seccomp', 'prctl'], action: 'SCMP_ACT_ERRNO' };
    const final = profile('final.json', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [last] });
    expect(await run('--security-opt', final, 'base', 'echo', 'ran')).toBe('0: ran\n');
    const noExec = { names: ['execve', 'execveat'], action: 'SCMP_ACT_ERRNO' };
    const dead = profile('dead.json', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [noExec] });
    expect(await run('--security-opt', dead, 'base', 'true')).toMatch(/^126: [\s\S]*code: run\.not-executable/);
    const killed = profile('killed.json', { defaultAction: 'SCMP_ACT_KILL_PROCESS' });
    expect(await run('--security-opt', killed, 'base', 'true')).toMatch(/^125: [\s\S]*SIGSYS/);
  });

  it.each<[string, object | string]>([
    ['is no JSON', '{'],
    ['is nested without an end', '['.repeat(500_000)],
    ['has another shape', { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/x' }],
    ['names no action', { defaultAction: 'SCMP_ACT_NOTIFY' }],
    ['is too large', ' '.repeat(2 ** 20 + 1)],
    [
      'has more than a kernel takes',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: Array.from({ length: 2000 }, (_, value) => ({
          names: ['ioctl'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 1, value: value * 2 ** 33, op: 'SCMP_CMP_EQ' }],
        })),
      },
    ],
  ])('is refused when it %s', async (name, content) => {
    const option = profile('bad.json', content);
    expect(await run('--security-opt', option, 'base', 'true'), name).toMatch(
      /^125: iso-run: cannot [\s\S]*code: (seccomp\.invalid|file\.unreadable)/,
    );
  });

  it('cannot be left out against the policy', async () => {
    expect(await run('--security-opt', 'seccomp=unconfined', 'base', 'true')).toMatch(/^125: .*\n.*policy keeps/);
  });
});

describe('capabilities', () => {
  it('may all be asked for, and reach nothing of the host', async () => {
    const seen = await user.probe(['--cap-add', 'all', '--cap-drop', 'sys_time']);
    expect(/^CapEff:\s*(.*)$/m.exec(seen.status)?.[1]).toBe('000001fffdffffff');
    expect(await user.attempts(['--cap-add', 'ALL'])).toMatchObject({
      mount: EPERM,
      fsopen: EPERM,
      'unshare-user': EPERM,
      bpf: EPERM,
      'write-core-pattern': EACCES,
      'packet-socket': EPERM,
      'mknod-block': EPERM,
      reboot: EPERM,
    });
  });
});

it('what is on stays on', async () => {
  const asked = ['--security-opt', 'no-new-privileges', '--security-opt', 'apparmor=unconfined'];
  const seen = await user.probe(asked);
  expect(seen.status).toMatch(/^NoNewPrivs:\s*1$/m);
  expect(await run('--security-opt', 'no-new-privileges:false', 'base', 'true')).toMatch(/always on/);
  expect(await run('--privileged', 'base', 'true')).toMatch(/every wall/);
});

describe('limits', () => {
  it('may make the payload the first to go, and not the last', async () => {
    expect(await run('--oom-score-adj', '500', 'base', 'cat', '/proc/self/oom_score_adj')).toBe('0: 500\n');
    expect(await run('--oom-score-adj', '-5', 'base', 'true')).toMatch(
      /cannot set the OOM score[\s\S]*--oom-score-adj/,
    );
  });

  it.each([
    ['--cpu-shares', '100'],
    ['--cpuset-cpus', '0'],
    ['--memory-reservation', '64m'],
    ['--blkio-weight', '100'],
  ])('that need a controller are an error where there is none: %s', async (option, value) => {
    // No manager of systemd runs for a user of a test.
    expect(await run(option, value, 'base', 'true')).toMatch(/^125: .*cannot apply[\s\S]*code: controller\.missing/);
  });

  it('of devices are of block devices', async () => {
    expect(await run('--device-read-bps', '/dev/null:1m', 'base', 'true')).toMatch(/no block device/);
    expect(await run('--device-read-bps', '/nowhere:1m', 'base', 'true')).toMatch(/no such file/);
  });
});

describe('devices of the host', () => {
  it('are opened where they were asked to be', async () => {
    const options = ['--device', '/dev/fuse', '--device', '/dev/fuse:/dev/sub/other:rw'];
    const script = ': <>/dev/fuse && : <>/dev/sub/other && stat -c %t:%T /dev/sub/other';
    expect(await run(...options, 'base', 'sh', '-c', script)).toBe('0: a:e5\n');
  });

  it('are not those of terminals, of disks, or of others', async () => {
    expect(await run('--device', '/dev/ptmx:/dev/x', 'base', 'true')).toMatch(/terminal[\s\S]*code: device\.refused/);
    expect(await run('--device', '/dev/nowhere', 'base', 'true')).toMatch(/no such file[\s\S]*code: device\.refused/);
    expect(await run('--device', '/dev/null:/dev/zero', 'base', 'true')).toMatch(/of its own/);
    expect(await run('--userns', 'keep-id', 'base', 'true')).toMatch(/owners/);
  });
});
