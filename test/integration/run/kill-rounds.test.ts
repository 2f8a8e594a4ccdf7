/** Whatever process of a launch is killed at whatever moment, nothing of it stays. KILL_ROUNDS=200 for more, KILL_SEED to repeat. */
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../until.js';
import { makeFront, makeRunUser, pidsOf, type RunUser } from './run-user.js';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 20);
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31));
/** Of the client (of Node, or the front, which becomes the outer process), of what serves it, and of the container. */
const VICTIMS = [
  'node',
  'iso-run',
  'iso-outer',
  'iso-session',
  'iso-keeper',
  'iso-spare',
  'iso-monitor',
  'iso-container',
];
const PAYLOAD = 'sleep';
const STORAGE = 'fuse-overlayfs';
/** What is there while a user has launched something and nothing runs. */
const SERVICE = ['iso-keeper', 'iso-session', 'iso-spare'];
const MOST_DELAY_MS = 80;

let user: RunUser;
let front: string;

beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());

/** Numbers that a seed repeats (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const WAYS: readonly (readonly string[])[] = [
  ['run', '--rm', '--storage-driver', 'overlay'],
  ['run', '--rm', '--storage-driver', STORAGE],
  ['run', '--storage-driver', 'overlay'],
  ['run', '-d', '--rm', '--storage-driver', 'overlay'],
  ['run', '-d', '--storage-driver', STORAGE],
  ['run', '--rm', '--direct'],
];

const others = () => VICTIMS.filter((comm) => !SERVICE.includes(comm)).concat(PAYLOAD, STORAGE);
const running = () => others().flatMap((comm) => pidsOf(user, comm));

async function round(random: (below: number) => number): Promise<string> {
  const way = WAYS[random(WAYS.length)] ?? [];
  const victim = [...VICTIMS, PAYLOAD, STORAGE][random(VICTIMS.length + 2)] ?? '';
  const delay = random(MOST_DELAY_MS);
  const client: ChildProcess = user.spawn([front, ...way, 'base', PAYLOAD, '0.05'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => client.on('close', resolve));
  await sleep(delay);
  for (const pid of pidsOf(user, victim)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  await ended;
  return `${way.join(' ')}, ${victim} after ${delay} ms`;
}

/** Descriptors of an idle session. */
async function sessionDescriptors(): Promise<string[]> {
  expect(user.run([front, 'run', '--rm', 'base', 'true']).status).toBe(0);
  await until(() => running().length === 0 && pidsOf(user, 'iso-spare').length === 1);
  return SERVICE.flatMap((comm) => pidsOf(user, comm).map((pid) => `${comm} ${readdirSync(`/proc/${pid}/fd`).length}`));
}

it(
  `nothing is left of ${ROUNDS} launches of which something was killed (seed ${SEED})`,
  async () => {
    const random = randomFrom(SEED);
    const before = await sessionDescriptors();
    for (let number = 0; number < ROUNDS; number += 1) {
      const what = await round(random);
      try {
        await until(() => running().length === 0);
      } catch {
        expect([what, others().map((comm) => [comm, pidsOf(user, comm)])]).toEqual([what, []]);
      }
    }
    expect(await sessionDescriptors()).toEqual(before);
    // What was to be kept, or lost the process that would have taken it away, is known and can be removed.
    const { stdout } = await user.isoRun(['ps', '-a', '-q', '--no-trunc']);
    const removed = await user.isoRun(['rm', ...stdout.split('\n').filter(Boolean)]);
    expect(stdout === '' || removed.status === 0, removed.stderr).toBe(true);
    for (const part of ['containers', 'names']) expect(readdirSync(join(user.store, part))).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(user.home);
  },
  60_000 + ROUNDS * 3_000,
);
