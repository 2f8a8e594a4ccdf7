import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

const sh = async (options: string[], script: string) => {
  const { status, stdout, stderr } = await user.isoRun(['run', '--rm', ...options, 'base', 'sh', '-c', script]);
  return `${status}: ${stdout}${stderr}`;
};

it('binds the configuration of the host’s package manager, which nobody changes there', async () => {
  const names = readdirSync('/etc/apt').sort().join('\n');
  for (const more of [[], ['--read-only']]) {
    const options = ['--package-config', 'apt', '--package-config', 'apt', ...more];
    expect(await sh(options, 'ls -A /etc/apt; : >/etc/apt/x')).toMatch(`0: ${names}\n`.replace('0: ', '1: '));
    expect(await sh(options, ': >/etc/apt/x')).toMatch(/Read-only file system/);
    expect(await sh(options, 'grep " /etc/apt " /proc/mounts')).toMatch(/ ro,nosuid,nodev,noexec,/);
  }
  expect(await sh([], 'ls /etc/apt')).toMatch(/^1: .*No such file/);
});

it('is refused by another name, and told where the host has none', async () => {
  expect(await sh(['--package-config', '/etc'], 'true')).toMatch(
    /^125: [\s\S]*none of apt, apk\n[\s\S]*usage\.invalid/,
  );
  expect(await sh(['--package-config', 'apk'], 'true')).toMatch(/^125: .*bind \/etc\/apk[\s\S]*--package-config/);
});
