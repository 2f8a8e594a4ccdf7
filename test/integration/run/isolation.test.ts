import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRunUser, type Report, type RunUser } from './run-user.js';

const { EACCES, EPERM, ENOSYS, EROFS, ENOENT, ENOTTY } = { ...constants.errno };

let user: RunUser;
let report: Report;
beforeAll(async () => {
  user = await makeRunUser();
  report = await user.probe(['--hostname', 'inside', '-e', 'GREETING=hello world'], ['a b', '', '$x']);
});
afterAll(() => user?.remove());

const status = (key: string) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(report.status)?.[1];
const mounts = () =>
  report.mountinfo
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
const mountOf = (path: string) => mounts().findLast((fields) => fields[4] === path);

describe('what the payload is', () => {
  it('lives in seven namespaces of its own', () => {
    for (const name of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup']) {
      expect(report.namespaces[name], name).toMatch(new RegExp(`^${name}:\\[\\d+\\]$`));
      expect(report.namespaces[name], name).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
    }
  });

  it('is root of ids that are no root outside', () => {
    expect([report.pid, report.uid, report.gid, report.groups]).toEqual([1, 0, 0, [0]]);
    expect(report.uidMap.trim().split(/\s+/)).toEqual(['0', '0', '1', '1', '1', '65536']);
    expect(report.gidMap.trim().split(/\s+/)).toEqual(['0', '0', '1', '1', '1', '65536']);
  });

  it('has the capabilities of the policy, none inheritable or ambient, and can gain no others', () => {
    expect(status('CapEff')).toBe('00000000000005fb');
    expect(status('CapPrm')).toBe('00000000000005fb');
    expect(status('CapBnd')).toBe('00000000000005fb');
    expect(status('CapInh')).toBe('0000000000000000');
    expect(status('CapAmb')).toBe('0000000000000000');
    expect(status('NoNewPrivs')).toBe('1');
  });

  it('runs under both filters with default signals', () => {
    expect(status('Seccomp')).toBe('2');
    expect(status('Seccomp_filters')).toBe('2');
    expect(status('SigIgn')).toBe('0000000000000000');
    expect(status('SigBlk')).toBe('0000000000000000');
  });

  it('gets its arguments, environment, host name and directory as they were given', () => {
    expect(report.argv).toEqual(['/probe/probe', 'report', 'a b', '', '$x']);
    expect(report.env).toContain('GREETING=hello world');
    expect(report.env).toContain('container=iso');
    expect(report.env.filter((entry) => entry.startsWith('NODE_'))).toEqual([]);
    expect([report.hostname, report.cwd]).toEqual(['inside', '/']);
    expect(report.hosts).toContain('inside');
  });

  it("holds no descriptor but its streams, and those are not the caller's", () => {
    const { '0': input, '1': output, '2': error, ...more } = report.descriptors;
    expect(input).toBe('/dev/null');
    expect([output, error].every((target) => /^pipe:\[\d+\]$/.test(target ?? ''))).toBe(true);
    // The probe's own: the directory it lists.
    expect(Object.values(more)).toEqual(['/proc/1/fd']);
  });
});

describe('what the payload sees', () => {
  it('has the loopback interface alone', () => {
    expect(Object.keys(report.interfaces)).toEqual(['lo']);
    expect(report.network.split('\n').slice(2).filter(Boolean)).toHaveLength(1);
  });

  it('has a root without devices and set-id, and nothing of the host behind it', () => {
    expect(mountOf('/')?.[5]).toMatch(/nosuid,nodev/);
    // Every mount is one that the plan made: nothing of the host's tree is left.
    const expected = /^\/($|proc|sys|dev|etc\/hosts$|etc\/hostname$|probe$)/;
    expect(
      mounts()
        .map((fields) => fields[4])
        .filter((path) => !expected.test(path ?? '')),
    ).toEqual([]);
    expect(report.mountinfo).not.toMatch(/shared:|master:/);
  });

  it('has a minimal /dev', () => {
    expect(Object.keys(report.dev).sort()).toEqual([
      'fd',
      'full',
      'mqueue',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ]);
  });

  it('has masked and read-only kernel files', () => {
    for (const path of ['/proc/sys', '/proc/irq', '/proc/bus', '/sys', '/sys/fs/cgroup'])
      expect(mountOf(path)?.[5], path).toMatch(/^ro,/);
    for (const path of ['/proc/keys', '/proc/timer_list', '/sys/firmware']) expect(mountOf(path), path).toBeDefined();
    expect(report.cgroup).toMatch(/^0::\/$/m);
  });
});

describe('what the kernel answers to a hostile payload', () => {
  it('refuses every attempt with the expected errno', async () => {
    const answered = await user.attempts();
    const { 'write-core-pattern': corePattern, 'write-sysrq': sysrq, 'i386-vsock': i386, ...answers } = answered;
    // A kernel without 32-bit system calls ends the attempt with SIGSEGV.
    expect([ENOSYS, -constants.signals.SIGSEGV]).toContain(i386);
    expect(corePattern).toBe(EACCES);
    // A kernel without the key has no file.
    expect([EACCES, ENOENT]).toContain(sysrq);
    expect(answers).toEqual({
      mount: EPERM,
      fsopen: EPERM,
      'unshare-user': EPERM,
      'unshare-network': EPERM,
      'clone-user': EPERM,
      clone3: ENOSYS,
      keyctl: EPERM,
      bpf: EPERM,
      userfaultfd: EPERM,
      io_uring_setup: EPERM,
      perf_event_open: EPERM,
      open_by_handle_at: EPERM,
      'mknod-block': EPERM,
      'packet-socket': EPERM,
      vsock: EPERM,
      'cgroup-mkdir': EROFS,
      sethostname: EPERM,
      reboot: EPERM,
      'reopen-stdin': 0, // its own null device
      'push-input': ENOTTY,
      'chroot-escape': EPERM,
    });
  });

  it('allows no further user namespace, also where no filter stands in the way', async () => {
    const { stdout } = await user.isoRun(['run', '--rm', 'base', 'cat', '/proc/sys/user/max_user_namespaces']);
    expect(stdout).toBe('0\n');
  });

  it('does so with every capability that can be asked for, too', async () => {
    const answers = await user.attempts([
      '--cap-add',
      'SYS_ADMIN',
      '--cap-add',
      'SYS_CHROOT',
      '--cap-add',
      'NET_ADMIN',
    ]);
    expect(answers).toMatchObject({
      mount: EPERM,
      fsopen: EPERM,
      'unshare-user': EPERM,
      bpf: EPERM,
      'write-core-pattern': EACCES,
    });
    // ".." stops at the container's own root.
    expect(answers['chroot-escape']).toBe(ENOENT);
  });
});

describe('options', () => {
  it('--user makes an ordinary user without capabilities', async () => {
    const seen = await user.probe(['--user', '1000:1000']);
    expect([seen.uid, seen.gid, seen.groups]).toEqual([1000, 1000, [1000]]);
    expect(/^CapEff:\s*0+$/m.test(seen.status) && /^CapPrm:\s*0+$/m.test(seen.status)).toBe(true);
  });

  it('--read-only leaves /tmp, /run and /var/tmp writable and nothing else', async () => {
    const script = 'for d in / /etc /usr /tmp /run /var/tmp; do touch $d/x 2>/dev/null && echo $d; done; true';
    const { stdout } = await user.isoRun(['run', '--rm', '--read-only', 'base', 'sh', '-c', script]);
    expect(stdout.trim().split('\n')).toEqual(['/tmp', '/run', '/var/tmp']);
  });

  it('--workdir and --cap-drop do what they say', async () => {
    const seen = await user.probe(['--workdir', '/tmp', '--cap-drop', 'ALL']);
    expect(seen.cwd).toBe('/tmp');
    expect(/^CapBnd:\s*0+$/m.test(seen.status)).toBe(true);
  });

  it.each(['fuse-overlayfs', 'overlay'])('--storage-driver %s keeps the image as it was', async (driver) => {
    const run = (script: string) =>
      user.isoRun(['run', '--rm', '--storage-driver', driver, 'base', 'sh', '-c', script]);
    expect((await run('echo changed > /etc/passwd; rm /bin/vi; cat /etc/passwd')).stdout).toBe('changed\n');
    const { stdout } = await run('head -1 /etc/passwd; ls /bin/vi; grep " / " /proc/self/mountinfo');
    expect(stdout).toMatch(/^root:.*\n\/bin\/vi\n/);
    expect(stdout).toMatch(driver === 'overlay' ? / - overlay / : /fuse\.fuse-overlayfs/);
  });
});
