/** The rules about containers, on containers of iso-run. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from '../../../src/audit/report.js';
import { findCgroup2 } from '../../../src/facts/kernel.js';
import { installed } from '../../../src/sys/install.js';
import { makeUser, type ThrowawayUser } from '../throwaway-user.js';
import { until } from '../until.js';

let user: ThrowawayUser;

beforeAll(() => {
  user = makeUser();
  const made = user.iso('iso-run', ['image', 'bootstrap', 'base']);
  if (made.status !== 0) throw new Error(made.stderr);
});
afterAll(() => user?.remove());

function results(name: string): Record<string, string> {
  const args = [installed('iso-audit.js'), 'report', '--json', '--user', user.name];
  const report = JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout) as Report;
  const own = report.findings.filter(({ target }) => target === `${user.name}/${name}`);
  return Object.fromEntries(own.map(({ rule, result }) => [rule, result]));
}

/** Starts a container; settled when `iso-run run` has ended. */
function started(args: readonly string[]): Promise<unknown> {
  return once(user.spawn([process.execPath, user.program('iso-run.js'), 'run', ...args], { stdio: 'ignore' }), 'exit');
}

const running = (name: string) => until(() => user.iso('iso-run', ['ps']).stdout.includes(name));

function end(name: string): void {
  const { status, stderr } = user.iso('iso-run', ['rm', '--force', name]);
  if (status !== 0) throw new Error(stderr);
}

const labels = existsSync('/sys/fs/selinux/enforce') ? 'pass' : 'notapplicable';
const limits = findCgroup2()?.unified ? 'pass' : 'notapplicable';

test('a container as iso-run makes it passes every rule, and is gone from the report when it ended', async () => {
  const ended = started(['--name', 'web', 'base', 'sleep', '100']);
  await running('web');
  expect(results('web')).toEqual({
    G01: limits,
    G03: limits,
    M02: labels,
    M03: labels,
    N05: 'pass',
    R01: 'pass',
    R02: 'pass',
    R03: 'pass',
    R04: 'pass',
    R05: 'pass',
    R09: 'pass',
    R11: 'pass',
    R15: 'pass',
  });
  end('web');
  await ended;
  expect(results('web')).toEqual({});
});

test('a container that runs as another id inside passes too', async () => {
  const ended = started(['--name', 'other', '-u', '1000', 'base', 'sleep', '100']);
  await running('other');
  expect(results('other')).toMatchObject({
    R01: 'pass',
    R02: 'pass',
    R03: 'pass',
    R04: 'pass',
    R05: 'pass',
    R15: 'pass',
  });
  end('other');
  await ended;
});

test('events of the user are self-reported, by the owner of the spool', () => {
  const args = [installed('iso-audit.js'), 'events', '--json', '--user', user.name];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ action }) => action)).toContain('container.start');
  expect(new Set(events.map(({ origin, uid }) => `${origin} ${uid}`))).toEqual(new Set([`self ${user.uid}`]));
});
