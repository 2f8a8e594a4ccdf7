/** Callers that ask the user's session for more than they have, for what it cannot see, or for its time. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { childMapping, mapText, rootlessMapping } from '../../../src/lib/id-mapping.js';
import { encodePlan, encodeRequest } from '../../../src/sys/launcher/encode.js';
import type { Op, PlannedOp, Stage } from '../../../src/sys/launcher/ops.js';
import { until } from '../until.js';
import { makeFront, makeRunUser, pidsOf, type RunUser } from './run-user.js';

let user: RunUser;
let front: string;
const WITHOUT_NODE = ['prlimit', '--as=268435456', '--'];
const run = (...args: string[]) => user.run([...WITHOUT_NODE, front, 'run', '--rm', ...args]);
const sessionDirectory = () => join(user.home, '.local/share/containers/run');

beforeAll(async () => {
  user = await makeRunUser();
  front = await makeFront(user);
});
afterAll(() => user?.remove());
// A session is there, and so is the plan, so that what is refused is refused by the session alone.
beforeEach(() => {
  expect(user.run([front, 'run', '--rm', 'base', 'true']).status).toBe(0);
});

/** Descriptors of each process of the session, by its name. */
const descriptors = () =>
  Object.fromEntries(
    ['iso-keeper', 'iso-session', 'iso-spare'].map((comm) => [
      comm,
      pidsOf(user, comm).map((pid) => readdirSync(`/proc/${pid}/fd`).length),
    ]),
  );

describe('a process of the user that may less than the user', () => {
  // As root, since the filter of an ordinary process forbids new privileges, which is refused already.
  const FILTER = `my $f = pack("SCCL", 6, 0, 0, 0x7fff0000); my $p = pack("Sx6P", 1, $f);
    syscall(157, 22, 2, $p) == 0 or die "seccomp: $!"; exec @ARGV or die`;
  const asUser = () => ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--init-groups', '--'];
  const env = () => ({ PATH: '/usr/bin:/bin', HOME: user.home });

  it.each([
    ['under a filter of system calls', () => ['perl', '-e', FILTER, ...asUser(), ...WITHOUT_NODE]],
    ['without new privileges', () => [...asUser(), 'setpriv', '--no-new-privs', ...WITHOUT_NODE]],
    ['in a user namespace', () => [...asUser(), 'unshare', '--user', '--map-current-user', ...WITHOUT_NODE]],
    ['as its root', () => [...asUser(), 'unshare', '--user', '--map-root-user', ...WITHOUT_NODE]],
    ['and is root of the host', () => []],
  ])('%s gets nothing', (_, way) => {
    const [program = '', ...args] = [...way(), front, 'run', '--rm', 'base', 'echo', 'launched'];
    let said = '';
    try {
      said = execFileSync(program, args, { cwd: user.home, env: env(), encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      said = String((error as { stdout: string }).stdout);
    }
    expect(said).toBe('');
    expect(run('base', 'echo', 'launched').stdout).toBe('launched\n');
  });
});

/** Perl is in every Debian, and Node has no sockets of this kind. */
const meeting = (script: string) => [
  ...['perl', '-e'],
  `use Socket; sub meet { socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die; connect($s, pack_sockaddr_un($_[0])) or die "$!"; $s }
   chdir($ARGV[0]) or die "$!"; ${script}`,
  sessionDirectory(),
];

describe('the sockets of the session', () => {
  it('are reached by no other user', () => {
    const script = meeting('print "met" if eval { meet("session") } or eval { meet("join") }');
    const other = execFileSync('setpriv', [
      '--reuid',
      '65534',
      '--clear-groups',
      '--',
      'sh',
      '-c',
      '"$@" 2>&1; true',
      'sh',
      ...script,
    ]);
    expect(String(other)).not.toContain('met');
  });

  it.each(['session', 'join'])('%s: nonsense and silence end those who come with it, and nobody else', async (name) => {
    await until(() => pidsOf(user, 'iso-spare').length === 1);
    const before = descriptors();
    // A request is 272 bytes.
    const words = ['""', '"x"', '"x" x 272', '"\\x51\\xe5\\x50\\x15\\2\\0\\0\\0" . "\\0" x 264', '"x" x 5000'];
    const said = user.run(
      meeting(`my @silent = map { meet("${name}") } 1 .. 8;
        for my $word (${words.join(', ')}) { for (1 .. 4) { my $s = meet("${name}"); send($s, $word, 0) } } print "end"`),
    );
    expect([said.stdout, said.stderr]).toEqual(['end', '']);
    expect(run('base', 'echo', 'launched').stdout).toBe('launched\n');
    await until(() => pidsOf(user, 'iso-monitor').length === 0);
    await until(() => pidsOf(user, 'iso-spare').length === 1);
    expect(descriptors()).toEqual(before);
  });
});

/** In a mount namespace of its own; \`as\` is the caller. */
function elsewhere(script: string, variables: Record<string, string> = {}) {
  const as = 'as() { runuser -u "$user" -- env -i HOME="$home" PATH=/usr/bin:/bin "$@"; }';
  const argv = ['--mount', '--propagation', 'private', '--', 'sh', '-c', `${as}\n${script}`];
  const own = { user: user.name, home: user.home, front, scratch: user.scratch, launch: user.program('iso-launch') };
  return execFileSync('unshare', argv, {
    env: { PATH: process.env.PATH, ...own, ...variables },
    cwd: user.home,
    encoding: 'utf8',
  });
}

describe('a caller who sees other files than the session', () => {
  it('gets his own or none, and learns why', () => {
    user.sh(`mkdir -p ${user.scratch}/seen; echo of the session > ${user.scratch}/seen/file`);
    const bound = user.run([front, 'run', '--rm', '-v', `${user.scratch}/seen:/seen`, 'base', 'cat', '/seen/file']);
    expect(bound.stdout).toBe('of the session\n');
    const mount = 'mount -t tmpfs -o mode=755 own "$scratch/seen"; echo of the caller >"$scratch/seen/file"';
    const cat = '-v "$scratch/seen:/seen" base cat /seen/file 2>&1';
    const said = elsewhere(`${mount}; as "$front" run --rm ${cat}; as "$front" run --rm --direct ${cat}`);
    expect(said).not.toContain('of the session');
    expect(said).toMatch(/cannot bind .*seen on \/seen\n.*another file[\s\S]*--direct[\s\S]*of the caller\n$/);
  });
});

describe('a volume that never answers', () => {
  it('holds up the launch that asks for it, and no other', async () => {
    const op = (stage: Stage, ...op: Op): PlannedOp => ({ stage, op, origin: 'test' });
    const maps = rootlessMapping(user.uid, [{ start: user.firstSubid, count: 65_536 }]);
    const inner = mapText(childMapping(maps));
    const plan = [
      op('host', 'stdio', 'null', ''),
      op('host', 'session', '/usr/bin/newuidmap', mapText(maps), '/usr/bin/newgidmap', mapText(maps)),
      op('session', 'propagation', 'private'),
      op('session', 'namespace', 'network'),
      op('session', 'container', inner, inner),
      op('container', 'tmpfs-root', '/sys'),
      op('container', 'mkdir', '/x', 0o755),
      op('container', 'bind', `${user.scratch}/dead/file`, '/x', '', 'directory', ''),
      op('container', 'arg', '/x'),
      op('container', 'exec', '/'),
    ];
    const request = join(user.scratch, 'request');
    writeFileSync(request, encodeRequest(encodePlan(plan), [['session', sessionDirectory()]]));
    // Both are in this namespace of mounts, so the session must begin in it.
    execFileSync('pkill', ['--uid', String(user.uid), 'iso-keeper']);
    await until(() => ['iso-session', 'iso-spare'].every((comm) => pidsOf(user, comm).length === 0));
    const said = elsewhere(`
      mkdir "$scratch/dead"; exec 9<>/dev/fuse
      mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0,allow_other gone "$scratch/dead"
      as "$front" run --rm base echo first
      as "$launch" 3<"$scratch/request" 4>"$scratch/report" 9<&- & hanging=$!
      sleep 1
      test "$(pgrep -u "$user" -x iso-container)" && echo waits
      for i in 1 2 3; do as timeout 5 "$front" run --rm base echo launched 9<&-; done
      as pkill -KILL -u "$user" -x 'iso-(container|monitor)'; wait $hanging
      exec 9>&-; umount -l "$scratch/dead"`);
    expect(said).toBe('first\nwaits\nlaunched\nlaunched\nlaunched\n');
  });
});
