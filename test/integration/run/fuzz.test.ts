/** What a caller can say, said by a fuzzer that follows the code: plans, requests to the session, messages to a monitor. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRunUser, type RunUser } from './run-user.js';

const NATIVE = fileURLToPath(new URL('../../../native', import.meta.url));
/** Of each target; a long run is for by hand: FUZZ_SECONDS=600. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 20);

let user: RunUser;
let place: string;

/** native/session-client.h: the words of a request without its descriptors. */
function requestWords(streams: number): Buffer {
  const header = readFileSync(join(NATIVE, 'session-client.h'), 'utf8');
  const constant = (name: string) => Number(new RegExp(`#define ${name} (\\w+)u$`, 'm').exec(header)?.[1]);
  const words = Buffer.alloc(16 + 16 * 16);
  words.writeUInt32LE(constant('SESSION_MAGIC'), 0);
  words.writeUInt32LE(constant('SESSION_VERSION'), 4);
  words.writeUInt32LE(streams, 8);
  return words;
}

function putSeeds(target: string, seeds: readonly Buffer[]): void {
  const directory = join(place, target);
  mkdirSync(directory);
  for (const [index, seed] of seeds.entries()) writeFileSync(join(directory, `seed-${index}`), seed);
}

/** Plans with their values, as real launches keep them. */
async function realPlans(): Promise<Buffer[]> {
  const shapes = [
    [],
    ['-it', '--ulimit', 'core=0', '--dns', '9.9.9.9'],
    ['-e', 'A=b', '-v', `${user.scratch}/probe:/p`, '--tmpfs', '/t'],
  ];
  for (const [index, options] of shapes.entries()) {
    const made = await user.isoRun(['create', '--name', `seed-${index}`, ...options, 'base', 'sh', '-c', 'true']);
    if (made.status !== 0) throw new Error(made.stderr);
  }
  const containers = join(user.store, 'containers');
  return readdirSync(containers).map((id) => readFileSync(join(containers, id, 'launch')));
}

beforeAll(async () => {
  execFileSync('make', ['-C', NATIVE, '--no-print-directory', 'fuzz'], { stdio: 'pipe' });
  user = await makeRunUser();
  place = mkdtempSync(join(tmpdir(), 'iso-fuzz-'));
  const plans = await realPlans();
  putSeeds('plan', plans);
  // One descriptor for the plan, two for reports, one for each stream; and more than a request may have.
  putSeeds('request', [
    ...plans.map((plan) => Buffer.concat([Buffer.from([6, 0]), requestWords(7), plan])),
    ...plans.map((plan) => Buffer.concat([Buffer.from([8, 0]), requestWords(15), plan])),
  ]);
  // Three streams, then the window's size, a signal and the end of the input; messages are 6 bytes long.
  const said = [
    [3, 0, 6, 0x41, 7, 0, 0, 0, 0],
    [0, 0, 6, 0x57, 0, 24, 0, 80, 0],
    [0, 0, 6, 0x53, 15, 0, 0, 0, 0],
    [0, 0, 6, 0x45, 0, 0, 0, 0, 0],
  ].flat();
  putSeeds('clients', [Buffer.from([1, ...said]), Buffer.from([0, ...said])]);
}, 300_000);
afterAll(() => {
  user?.remove();
  if (place) rmSync(place, { recursive: true });
});

/** Runs one target; what it says when it found something. */
function fuzz(target: string): Promise<[status: number | null, text: string]> {
  const limits = [`-max_total_time=${SECONDS}`, '-timeout=10', '-rss_limit_mb=1024', '-max_len=65536'];
  const argv = [...limits, `-artifact_prefix=${join(place, `${target}-`)}`, join(place, target)];
  const child = spawn(join(NATIVE, 'build', `fuzz-${target}`), argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text = (text + chunk).slice(-8000);
  });
  return new Promise((resolve) => child.on('close', (status) => resolve([status, text])));
}

it(
  `finds nothing in ${SECONDS} s of each target`,
  async () => {
    const targets = ['plan', 'request', 'clients'];
    const ended = await Promise.all(targets.map(fuzz));
    for (const [index, [status, text]] of ended.entries()) {
      expect([targets[index], status, status === 0 ? '' : text]).toEqual([targets[index], 0, '']);
      // A target that tries next to nothing proves nothing.
      expect(Number(/Done (\d+) runs/.exec(text)?.[1])).toBeGreaterThan(1000);
    }
  },
  (SECONDS + 60) * 1000,
);
