import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../../src/audit/evaluate.js';
import type { Report } from '../../../src/audit/report.js';
import type { ContainerRecord } from '../../../src/facts/container-record.js';
import { parseStartTime } from '../../../src/facts/container-record.js';
import { holdProcess, lazyPidsByNamespace } from '../../../src/facts/processes.js';
import {
  findContainer,
  readCapabilities,
  readInterfaces,
  readThreadsUnfiltered,
} from '../../../src/facts/running-containers.js';
import { installed } from '../../../src/sys/install.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';
import { until } from '../until.js';

const ID = 'ab'.repeat(32);
const CANARY = 'canary-that-root-must-not-read';
let user: ThrowawayUser;

beforeAll(() => {
  user = makeUser();
  user.sh('umask 077; mkdir -p .config/containers');
});
afterAll(() => user?.remove());

function asRoot(...args: string[]): { report: Report; status: number | null } {
  const done = spawnSync(process.execPath, [installed('iso-audit.js'), 'report', '--json', ...args], {
    encoding: 'utf8',
  });
  if (done.stdout === '') throw new Error(done.stderr);
  return { report: JSON.parse(done.stdout) as Report, status: done.status };
}

const resultOf = (report: Report, rule: string): Finding['result'] | undefined =>
  report.findings.find((finding) => finding.rule === rule)?.result;

/** Results of the user's rules, by id. */
function userResults(): Record<string, string> {
  const { report } = asRoot('--user', user.name);
  return Object.fromEntries(report.findings.map((finding) => [finding.rule, finding.result]));
}

/** Of the user, in the toolkit's own store. */
const containers = () => join(user.store, 'containers');

/** Writes a record that claims that a process is a container. */
function claim(pid: number, startTime: string, change: Partial<ContainerRecord> = {}): void {
  const folder = join(containers(), ID);
  const record: ContainerRecord = {
    schema: 1,
    id: ID,
    name: 'claimed',
    image: 'base:latest',
    command: ['sleep', '60'],
    created: '2026-01-31T08:00:00.000Z',
    plan: `sha256:${'0'.repeat(64)}`,
    storageDriver: 'fuse-overlayfs',
    readOnly: false,
    limits: {},
    ...change,
  };
  const files = { 'container.json': record, 'state.json': { status: 'running', pid, startTime } };
  user.sh(`mkdir -p ${folder}`);
  for (const [name, value] of Object.entries(files)) {
    user.sh(`rm -f ${folder}/${name}; printf %s '${JSON.stringify(value)}' > ${folder}/${name}`);
  }
}

/** A program that runs as the user. */
function started(...argv: string[]): { pid: number; ended: Promise<unknown>; kill(): void } {
  const child = user.spawn(argv, { stdio: 'ignore' });
  if (child.pid === undefined) throw new Error(`${argv[0]} did not start`);
  return { pid: child.pid, ended: once(child, 'exit'), kill: () => void child.kill('SIGKILL') };
}

const startTimeOf = (pid: number) => parseStartTime(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '';

test('root sees the host as it is, and the exit status says what the report says', () => {
  const { report, status } = asRoot();
  const unified = statfsSync('/sys/fs/cgroup').type === 0x63677270;
  expect(resultOf(report, 'H01')).toBe(unified ? 'pass' : 'fail');
  const randomised = readFileSync('/proc/sys/kernel/randomize_va_space', 'utf8').trim() === '2';
  expect(resultOf(report, 'H07')).toBe(randomised ? 'pass' : 'fail');
  expect(report.findings.map(({ target }) => target)).toContain(user.name);
  expect(status).toBe(report.summary.fail > 0 ? 2 : report.incomplete ? 77 : 0);
});

test('a user sees the host and the own tree, and the report says that it is incomplete', () => {
  const other = makeUser();
  try {
    const done = user.iso('iso-audit', ['report', '--json']);
    const report = JSON.parse(done.stdout) as Report;
    expect(report.incomplete).toBe(true);
    expect(new Set(report.findings.map(({ target }) => target))).toEqual(new Set(['host', user.name]));
    expect(done.stdout).not.toContain(other.name);
    expect([2, 77]).toContain(done.status);
    expect(user.iso('iso-audit', ['report', '--user', other.name]).stderr).toContain('permission.denied');
  } finally {
    other.remove();
  }
});

test('text without a terminal has no colour and tells how to put things right', () => {
  user.sh('chmod 755 .local/share/containers/storage');
  try {
    const { stdout } = user.iso('iso-audit', ['report', '--user', user.name]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('.local/share/containers/storage: its mode is 0755, at most 0700 is allowed');
    expect(stdout).toContain(`iso-setup user ${user.name}`);
  } finally {
    user.sh('chmod 700 .local/share/containers/storage');
  }
});

test('a new tree is in order', () => {
  expect(userResults()).toMatchObject({ F01: 'pass', F02: 'pass', F03: 'pass', U02: 'pass', U06: 'pass' });
});

test.each([
  ['a directory missing', 'F01', 'rmdir .local/share/containers/cache', 'mkdir -m 700 .local/share/containers/cache'],
  [
    'a link as a directory',
    'F01',
    'rmdir .local/share/containers/tmp; ln -s /tmp .local/share/containers/tmp',
    'rm .local/share/containers/tmp; mkdir -m 700 .local/share/containers/tmp',
  ],
  [
    'a readable file',
    'F02',
    'echo > .config/containers/storage.conf; chmod 644 .config/containers/storage.conf',
    'rm .config/containers/storage.conf',
  ],
  [
    'a file with two names',
    'F02',
    'umask 077; echo > .config/containers/policy.json; ln .config/containers/policy.json two',
    'rm -f .config/containers/policy.json two',
  ],
  [
    'a link as a file',
    'F02',
    'ln -s /etc/shadow .config/containers/storage.conf',
    'rm .config/containers/storage.conf',
  ],
])('%s fails %s', (_name, rule, spoil, mend) => {
  user.sh(spoil);
  try {
    expect(userResults()[rule]).toBe('fail');
  } finally {
    user.sh(mend);
  }
  expect(userResults()[rule]).toBe('pass');
});

test('a home that others may write to fails, and nothing below it is believed', () => {
  chmodSync(user.home, 0o777);
  try {
    expect(userResults()).toMatchObject({ F01: 'error', F02: 'error', F03: 'fail', U06: 'error' });
  } finally {
    chmodSync(user.home, 0o755);
  }
});

test('a store of links is refused and its targets are not read', () => {
  const secret = join('/root', `iso-canary-${user.name}`);
  writeFileSync(secret, CANARY, { mode: 0o600 });
  try {
    user.sh(
      `mkdir -p ${containers()}/${ID} && cd ${containers()}/${ID} && ln -sf ${secret} container.json && mkfifo state.json`,
    );
    const { report } = asRoot('--user', user.name);
    expect(resultOf(report, 'U06')).toBe('fail');
    expect(JSON.stringify(report)).not.toContain(CANARY);
  } finally {
    rmSync(secret);
    rmSync(join(containers(), ID), { recursive: true });
  }
});

test('a record that names a process of the host is a forgery, and nothing of that process is reported', () => {
  claim(1, startTimeOf(1));
  const { report } = asRoot('--user', user.name);
  expect(resultOf(report, 'R15')).toBe('fail');
  for (const rule of ['R01', 'R02', 'R03', 'R04', 'R05']) expect(resultOf(report, rule)).toBe('error');
});

test('a record that names an ordinary process of the user passes nothing that is not so', () => {
  const { pid, kill } = started('sleep', '60');
  try {
    claim(pid, startTimeOf(pid));
    const { report } = asRoot('--user', user.name);
    // Its user namespace is the host's, which root owns.
    expect(resultOf(report, 'R15')).toBe('fail');
    expect(resultOf(report, 'R05')).toBe('error');
  } finally {
    kill();
  }
});

test('a namespace made by hand is measured as what it is', async () => {
  const { pid, kill } = started('unshare', '--user', '--map-root-user', '--', 'sleep', '60');
  try {
    await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
    claim(pid, startTimeOf(pid));
    for (const { report } of [asRoot('--user', user.name), { report: asUser() }]) {
      expect(report.findings.some(({ target }) => target === `${user.name}/claimed`)).toBe(true);
      expect(resultOf(report, 'R15')).toBe('pass');
      expect(resultOf(report, 'R01')).toBe('pass');
      for (const rule of ['R02', 'R03', 'R04', 'R05']) expect(resultOf(report, rule)).toBe('fail');
    }
  } finally {
    kill();
  }
});

function asUser(): Report {
  return JSON.parse(user.iso('iso-audit', ['report', '--json', '--user', user.name]).stdout) as Report;
}

test('a process that has ended, or whose pid was used again, is no container', () => {
  const { pid, kill } = started('sleep', '60');
  try {
    claim(pid, '1');
    expect(asRoot('--user', user.name).report.findings.some(({ scope }) => scope === 'container')).toBe(false);
  } finally {
    kill();
  }
});

test('a container that ends while it is measured gives neither a pass nor a crash', async () => {
  const { pid, kill, ended } = started('unshare', '--user', '--map-root-user', '--', 'sleep', '60');
  await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
  const state = { status: 'running', pid, startTime: startTimeOf(pid) } as const;
  const owner = { uid: user.uid, gid: user.gid, uids: [], gids: [] };
  const found = findContainer({ record: {} as ContainerRecord, state }, owner, lazyPidsByNamespace());
  if (!found || 'claim' in found) throw new Error('the container was not found');
  kill();
  await ended;
  try {
    const kinds = [readThreadsUnfiltered(found), readCapabilities(found, 'bounding'), readInterfaces(found)].map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(['gone', 'gone', 'gone']);
  } finally {
    found.init.close();
  }
});

test('a held process is never mistaken for another', () => {
  const self = holdProcess(process.pid);
  try {
    expect(self.read('stat').startsWith(`${process.pid} `)).toBe(true);
    expect(self.threads()).toContain(process.pid);
  } finally {
    self.close();
  }
});

test.each([
  ['an unknown user', ['--user', 'nobody-of-this-name'], 66, 'user.unknown'],
  ['a user who is not provisioned', ['--user', 'daemon'], 78, 'user.not-provisioned'],
  ['an unknown format', ['--format', 'xml'], 64, 'usage.invalid'],
])('%s is refused', (_name, args, status, code) => {
  const done = spawnSync(process.execPath, [installed('iso-audit.js'), 'report', ...args], { encoding: 'utf8' });
  expect([done.status, done.stdout]).toEqual([status, '']);
  expect(done.stderr).toContain(`code: ${code}`);
});

test('a hostile name in the store cannot break the report', () => {
  mkdirSync(join(containers(), '\u001b[2Jx'), { recursive: true });
  claim(1, '1', { name: 'a\u001b[2J' } as never);
  const { report } = asRoot('--user', user.name);
  expect(resultOf(report, 'U06')).toBe('fail');
});

test('what the report finds, iso-setup repairs', () => {
  const isoSetup = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [installed('iso-setup.js'), ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  rmSync(join(containers(), ID), { recursive: true, force: true });
  const good = { F01: 'pass', F02: 'pass', F03: 'pass', U02: 'pass' };
  try {
    isoSetup('user', user.name);
    expect(userResults()).toMatchObject(good);
    user.sh('chmod 755 .local/share/containers/run; chmod 644 .config/containers/storage.conf');
    expect(userResults()).toMatchObject({ ...good, F01: 'fail', F02: 'fail' });
    isoSetup('user', user.name);
    expect(userResults()).toMatchObject(good);
  } finally {
    isoSetup('remove', '--purge', user.name);
  }
});
