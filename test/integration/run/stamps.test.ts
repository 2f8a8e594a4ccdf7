/**
 * A stored plan is stamped with all that decided it: whatever a run without a plan opens or asks for, there or not, is either
 * in the plan's entry or here, with the reason why it decides nothing that could change while the entry holds.
 */
import { readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeTokens } from '../../../src/sys/wire.js';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
const run = () => join(user.home, '.local/share/containers/run');

beforeAll(async () => {
  user = await makeRunUser();
  front = join(user.scratch, 'dist', 'iso-run');
  symlinkSync('iso-front', front);
}, 60_000);
afterAll(() => user?.remove());

/** Paths that the entry of the only plan has stamps or texts of. */
function readStamped(): Set<string> {
  const [name = ''] = readdirSync(join(run(), 'plans'));
  const tokens = (decodeTokens(readFileSync(join(run(), 'plans', name))) ?? []).map(String);
  const paths: string[] = [];
  let at = 2;
  for (let list = 0; list < 2; list += 1) {
    const count = Number(tokens[at]);
    for (let index = 0; index < count; index += 1) paths.push(tokens[at + 1 + 2 * index] ?? '');
    at += 1 + 2 * count;
  }
  return new Set(paths);
}

/** `openat(18</dir>, "name", …`: the whole path; undefined for a call by descriptor alone. */
function pathOf(call: string): string | undefined {
  const [, folder = '', name = ''] = /^\w+\((?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"([^"]*)"/.exec(call) ?? [];
  if (name === '') return undefined;
  return name.startsWith('/') ? name : join(folder, name);
}

/** What Node was told of by the kernel, from our first line to the writing of the plan. */
function readUsed(trace: string): string[] {
  const calls = readFileSync(trace, 'utf8')
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.replace(/^\d+\s+/, '')] as const);
  const main = calls[0]?.[0];
  // Threads of Node are traced with it, and its children until they are another program.
  const children = new Set(
    calls.filter(([pid, call]) => pid !== main && call.startsWith('execve')).map(([pid]) => pid),
  );
  const paths = calls.filter(([pid]) => !children.has(pid)).flatMap(([, call]) => pathOf(call) ?? []);
  const begin = paths.findIndex((path) => path.endsWith('.bundle.js'));
  const end = paths.findIndex((path) => path.startsWith(join(run(), 'plans/')));
  expect([begin > 0, end > begin]).toEqual([true, true]);
  return [...new Set(paths.slice(begin, end))];
}

/** Parts of paths with the reason why no stamp is needed. */
const excused = (): [RegExp, string][] => {
  const dist = join(user.scratch, 'dist');
  return [
    [
      new RegExp(`^${dist}/(iso-run-run-\\w+\\.bundle\\.js|koffi\\.node)$`),
      'comes with iso-run-run.js, which names it',
    ],
    [new RegExp(`^${run()}(/filter|/plans)?$`), 'has a key or stamps of its own'],
    [
      /^\/etc\/ld\.so\.cache$|\/libseccomp\.so\.2$/,
      'the way to the library, which is stamped where the package has it',
    ],
    [/^\/proc\/self\/mountinfo$/, 'asked for the cgroup file system, which stays where it is until the next boot'],
    [/^\/proc\/self\/fd\/\d+$/, 'a second way to an open file'],
    [/^\/run\/user\/\d+$/, 'where it is there, plans are kept in it: this entry is not found'],
    [/^\/sys\/fs\/selinux\/class\/cap_userns$/, 'who may not launch under a policy is refused by the kernel'],
    [/^\/etc\/localtime$|^\/usr\/share\/zoneinfo/, 'for times of events'],
  ];
};

/**
 * On the way to one that is stamped: a link in its place leads to another file, whose stamp differs. The source of a volume is
 * a value of each launch, opened anew.
 */
const leadsTo = (path: string, stamped: ReadonlySet<string>) =>
  path === '/' ||
  [...stamped, '/run/user/0', '/sys/fs/cgroup/x', join(user.scratch, 'x')].some((one) => one.startsWith(`${path}/`));

it.each<[string, () => string[]]>([
  ['without options', () => ['base', 'true']],
  [
    'with many',
    () => ['-v', `${user.scratch}:/data`, '-u', '1', '--init', '--dns', '10.0.0.1', '-e', 'A', 'base', 'true'],
  ],
])(
  'all that a run reads is stamped: %s',
  async (_, args) => {
    const trace = join(user.scratch, 'trace');
    // Only a run whose sources are older than two seconds keeps its plan; others of this machine's tests change accounts.
    for (let tries = 0; tries < 5; tries += 1) {
      rmSync(join(run(), 'plans'), { recursive: true, force: true });
      await sleep(2100);
      const traced = ['strace', '-f', '-qq', '-y', '-e', 'trace=%file', '-s', '4096', '-o', trace];
      user.run([...traced, front, 'run', '--rm', ...args()]);
      if (readdirSync(run()).includes('plans') && readdirSync(join(run(), 'plans')).length === 1) break;
    }
    const stamped = readStamped();
    const used = readUsed(trace);
    expect(used).toContain('/etc/subuid');
    expect(used.filter((path) => path.startsWith(user.store)).length).toBeGreaterThan(2);
    const isExcused = (path: string) => excused().some(([pattern]) => pattern.test(path));
    expect(used.filter((path) => !stamped.has(path) && !leadsTo(path, stamped) && !isExcused(path))).toEqual([]);
  },
  60_000,
);
