/** iso-home by its wire: what it refuses before the first system call, and that it is the user and nobody else. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHomeProgram } from '../../../src/sys/home-program.js';
import { installed } from '../../../src/sys/install.js';
import { decodeTokens, encodeTokens } from '../../../src/sys/wire.js';

// Its own: all its processes are killed here.
const UID = 71901;
/** Of a report on one op. */
const FIELDS = 12;
let place: string;
let home: string;

beforeAll(() => {
  place = mkdtempSync('/var/tmp/iso-home-test.');
  chmodSync(place, 0o755);
  home = join(place, 'home');
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, UID, UID);
});
afterAll(() => rmSync(place, { recursive: true }));

/** Requests by a file and answers into a file: any descriptors will do. */
function serve(requests: Uint8Array, seconds: string[] = []): { status: number | null; bytes: Buffer } {
  const [input, output] = [join(place, 'in'), join(place, 'out')];
  writeFileSync(input, requests);
  writeFileSync(output, '');
  const script = 'in=$1 out=$2; shift 2; exec "$0" "$@" 3<"$in" 4>"$out"';
  const args = ['-c', script, installed('iso-home'), input, output, ...seconds];
  const { signal, status } = spawnSync('sh', args, { timeout: 10_000 });
  expect(signal).toBeNull();
  return { status, bytes: readFileSync(output) };
}

function frame(job: Uint8Array, size = job.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(size);
  return Buffer.concat([head, job]);
}

/** Reports as texts, by the number of their job. */
function reports(bytes: Buffer): Map<number, string[] | undefined> {
  const found = new Map<number, string[] | undefined>();
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    found.set(bytes.readUInt32LE(at), decodeTokens(bytes.subarray(at + 8, end))?.map(String));
    at = end;
  }
  return found;
}

/** Without the place of the home, which comes first. */
function send(request: Uint8Array): string[] | undefined {
  const report = reports(serve(frame(request)).bytes).get(0);
  return report?.[0] === 'fatal' ? report : report?.slice(1);
}
const way = (at: string, root = place) =>
  reports(serve(frame(encodeTokens(['iso-home-2', UID, UID, 0, root, at]))).bytes).get(0);

const head = (...groups: number[]) => ['iso-home-2', UID, UID, groups.length, ...groups, place, '/home'];
const job = (...tokens: (string | number)[]) => encodeTokens([...head(), ...tokens]);

describe('iso-home', () => {
  it.each([
    ['a torn length', new Uint8Array([9, 0]), 'decode'],
    ['a length beyond the end', new Uint8Array([255, 255, 255, 127, 0]), 'decode'],
    ['another version', encodeTokens(['iso-home-3', UID, UID, 0, '/', '/']), 'decode'],
    ['uid 0', encodeTokens(['iso-home-2', 0, UID, 0, '/', '/']), 'decode'],
    ['uid -1', encodeTokens(['iso-home-2', 4294967295, UID, 0, '/', '/']), 'decode'],
    ['a uid of too many bits', encodeTokens(['iso-home-2', 4294967296, UID, 0, '/', '/']), 'decode'],
    ['more groups than given', encodeTokens(['iso-home-2', UID, UID, 65536, '/', '/']), 'decode'],
    ['a relative home', encodeTokens(['iso-home-2', UID, UID, 0, '/', 'home']), 'decode'],
    ['an unknown op', job('chown', 'x', 0), 'decode'],
    ['an op without its argument', job('mkdir', 'x'), 'decode'],
    ['a path out of the home', job('observe', '../x'), 'decode'],
    ['an absolute path', job('observe', '/etc/shadow'), 'decode'],
    ['a path with an empty part', job('observe', 'a//b'), 'decode'],
    ['a path with a dot', job('observe', 'a/./b'), 'decode'],
    ['a NUL in a path', job('observe', 'a\0b'), 'decode'],
    ['a path that is too deep', job('observe', Array(33).fill('a').join('/')), 'decode'],
    ['a change of the home itself', job('chmod', '', 511), 'decode'],
    ['a byte too many', Buffer.concat([job('observe', ''), Buffer.from([0])]), 'decode'],
    ["a home that is not the user's", encodeTokens(['iso-home-2', UID, UID, 0, '/', '/root', 'observe', '']), 'home'],
    ['a home that is not there', encodeTokens(['iso-home-2', UID, UID, 0, '/', '/no/such', 'observe', '']), 'way'],
  ])('refuses %s', (_, request, stage) => {
    expect(send(request)?.slice(0, 2)).toEqual(['fatal', stage]);
  });

  it('acts as the user, not as root', () => {
    expect(send(encodeTokens([...head(), 'mkdir', 'own', 0o700]))?.slice(0, 3)).toEqual(['0', '0', 'd']);
    expect(statSync(join(home, 'own')).uid).toBe(UID);
    const roots = join(place, 'roots');
    mkdirSync(roots, { mode: 0o755 });
    const into = encodeTokens(['iso-home-2', UID, UID, 0, place, '/roots', 'mkdir', 'x', 0o700]);
    expect(send(into)?.slice(0, 2)).toEqual(['fatal', 'home']);
  });

  it('has the groups it was given and none of its caller', () => {
    const gate = join(place, 'gate');
    const inner = join(gate, 'home');
    mkdirSync(inner, { recursive: true });
    chownSync(inner, UID, UID);
    chmodSync(gate, 0o710);
    const enter = (...groups: number[]) =>
      send(encodeTokens(['iso-home-2', UID, UID, groups.length, ...groups, place, '/gate/home', 'observe', '']))?.[0];
    chownSync(gate, 0, 71234);
    expect([enter(), enter(71234)]).toEqual(['fatal', '0']);
    chownSync(gate, 0, 0);
    expect(enter()).toBe('fatal');
  });

  it('finds a home through links of root’s and of nobody else', () => {
    mkdirSync(join(place, 'srv/homes/alice'), { recursive: true });
    symlinkSync('/srv/./homes', join(place, 'absolute'));
    symlinkSync('srv/homes/', join(place, 'relative'));
    symlinkSync('../../../etc', join(place, 'srv/out'));
    symlinkSync('round', join(place, 'round'));
    symlinkSync('srv', join(place, 'theirs'));
    lchownSync(join(place, 'theirs'), UID, UID);
    mkdirSync(join(place, 'open/home'), { recursive: true });
    chmodSync(join(place, 'open'), 0o777);
    const found = ['/srv/homes/alice', 'end'];
    for (const at of ['/absolute/alice', '//relative/./alice/', '/absolute/../homes/alice', '/srv/homes/alice'])
      expect(way(at), at).toEqual(found);
    expect(way('/absolute/alice/..')).toEqual(['/srv/homes', 'end']);
    const [ENOENT, EPERM, ENOTDIR, EISDIR, EMLINK, ELOOP] = ['2', '1', '20', '21', '31', '40'];
    const faults: [string, string | undefined, string][] = [
      // A link that leads out of the root directory leads to its top, as for whoever is inside.
      ['/srv/out/passwd', ENOENT, '/etc'],
      ['/theirs/homes/alice', ELOOP, '/theirs'],
      ['/absolute', ELOOP, '/absolute'],
      ['/round/home', EMLINK, '/round'],
      ['/open/home', EPERM, '/open'],
      ['/home/below', EPERM, '/home'],
      ['/in/x', ENOTDIR, '/in'],
      ['/../..', EISDIR, ''],
      [`/${'x'.repeat(300)}`, '36', `/${'x'.repeat(300)}`],
      ['/x'.repeat(3000), '36', ''],
    ];
    for (const [at, errno, part] of faults) expect(way(at)?.slice(0, 4), at).toEqual(['fatal', 'way', errno, part]);
    expect(way('/home/below')?.slice(4)).toEqual([String(UID), String(0o700)]);
    expect(way('/srv/homes/alice', join(place, 'absolute'))?.slice(0, 3)).toEqual(['fatal', 'way', ELOOP]);
  });

  it('tries no further change after one that failed, and goes on looking', () => {
    const answer = send(job('mkdir', 'no/such', 0o700, 'mkdir', 'later', 0o700, 'observe', 'own')) ?? [];
    const [enoent, ecanceled] = ['2', '125'];
    expect([answer[0], answer[FIELDS], answer[2 * FIELDS]]).toEqual([enoent, ecanceled, '0']);
    expect(answer.at(-1)).toBe('end');
    expect(() => statSync(join(home, 'later'))).toThrow(/ENOENT/);
  });

  it('names the part of a path that is wrong, also beside one that was looked at, and after a change', () => {
    const looks = ['observe', 'own/gone/x', 'observe', 'own/gone/y', 'rmdir', 'own/gone', 'observe', 'own/gone/z'];
    const answer = send(job('mkdir', 'own/gone', 0o700, ...looks)) ?? [];
    const failures = [1, 2, 4].map((index) => answer.slice(index * FIELDS, index * FIELDS + 2));
    const ENOENT = '2';
    expect(failures).toEqual([
      [ENOENT, '3'],
      [ENOENT, '3'],
      [ENOENT, '2'],
    ]);
  });

  it('looks at a home that its user may not enter', () => {
    chmodSync(home, 0o600);
    const EACCES = '13';
    const answer = send(job('observe', '', 'observe', 'own')) ?? [];
    chmodSync(home, 0o700);
    expect([answer.slice(0, 3), answer.slice(FIELDS, FIELDS + 2)]).toEqual([
      ['0', '0', 'd'],
      [EACCES, '1'],
    ]);
  });

  it('replaces a file whole, with the mode asked for', () => {
    const first = send(encodeTokens([...head(), 'write', 'own/file', 0o600, 'one']));
    expect(first?.slice(2, 8)).toEqual(['-', String(0o600), String(UID), String(UID), '1', '3']);
    chmodSync(join(home, 'own/file'), 0o666);
    const before = statSync(join(home, 'own/file')).ino;
    expect(send(encodeTokens([...head(), 'write', 'own/file', 0o600, 'two!']))?.[0]).toBe('0');
    const after = statSync(join(home, 'own/file'));
    expect([readFileSync(join(home, 'own/file'), 'utf8'), after.mode & 0o7777, after.ino === before]).toEqual([
      'two!',
      0o600,
      false,
    ]);
  });

  it('removes a tree without following what leads out of it', () => {
    const script = `mkdir -p tree/a/b tree/c && touch tree/a/b/f tree/c/f tree/g && chmod 000 tree/a/b && chmod 555 tree/c && ln -s '${place}/roots' tree/out`;
    spawnSync('bash', ['-c', script], { cwd: home, uid: UID, gid: UID });
    writeFileSync(join(place, 'roots', 'stays'), 'x');
    expect(send(job('empty', 'tree', 'rmdir', 'tree'))?.filter((_, index) => index % FIELDS === 0)).toEqual([
      '0',
      '0',
      'end',
    ]);
    expect(readFileSync(join(place, 'roots', 'stays'), 'utf8')).toBe('x');
  });

  it('sets a label and reads it back, or says that the kernel refused it', () => {
    const context = 'system_u:object_r:container_file_t:s0';
    const answer = send(job('mkdir', 'labelled', 0o700, 'label', 'labelled', context)) ?? [];
    // Without a security module the attribute is plain data to some kernels, and privileged to others (EPERM).
    const [done, refused] = [
      ['0', context],
      ['1', ''],
    ];
    expect([done, refused]).toContainEqual([answer[FIELDS], answer[FIELDS + 9]]);
  });

  it('counts what it may not remove', () => {
    mkdirSync(join(home, 'tree/theirs'), { recursive: true });
    writeFileSync(join(home, 'tree/theirs/file'), '');
    chownSync(join(home, 'tree'), UID, UID);
    const [errno, , , , , , , left] = send(job('empty', 'tree')) ?? [];
    const ENOTEMPTY = '39';
    expect([errno, left]).toEqual([ENOTEMPTY, '2']);
  });

  it('serves many jobs, each by a process of its own, and tells reports apart', () => {
    const jobs = Array.from({ length: 40 }, (_, index) => frame(job('mkdir', `many${index}`, 0o700)));
    const found = reports(serve(Buffer.concat(jobs)).bytes);
    expect([...found.keys()].sort((a, b) => a - b)).toEqual(jobs.map((_, index) => index));
    expect([...found.values()].map((report) => [report?.[1], report?.at(-1)])).toEqual(jobs.map(() => ['0', 'end']));
    for (const [index] of jobs.entries()) expect(statSync(join(home, `many${index}`)).uid).toBe(UID);
  });

  it('lets a job that is refused, or a user who ends the process, harm no other job', () => {
    const slow = job(...Array.from({ length: 900 }, () => ['observe', 'own']).flat());
    const jobs = [frame(job('chown', 'x', 0)), frame(slow), frame(job('mkdir', 'unharmed', 0o700))];
    const killer = spawn('bash', ['-c', 'for i in {1..400}; do kill -9 -- -1; sleep 0.005; done'], {
      uid: UID,
      gid: UID,
    });
    const found = reports(serve(Buffer.concat([...jobs, ...Array(60).fill(frame(slow))])).bytes);
    killer.kill('SIGKILL');
    expect(found.size).toBe(63);
    const ends = [...found.values()].map((report) => (report?.[0] === 'fatal' ? report[1] : report?.at(-1)));
    expect(found.get(0)?.slice(0, 2)).toEqual(['fatal', 'decode']);
    expect(ends.filter((end) => !['end', 'decode', 'signal'].includes(end ?? ''))).toEqual([]);
  });

  it('waits for a process that is stopped no longer than it is told, and does the rest meanwhile', () => {
    const stopper = spawn('bash', ['-c', 'for i in {1..2000}; do kill -STOP -- -1; sleep 0.001; done'], {
      uid: UID,
      gid: UID,
    });
    const slow = frame(job(...Array.from({ length: 900 }, () => ['observe', 'own']).flat()));
    const found = reports(serve(Buffer.concat(Array(20).fill(slow)), ['1']).bytes);
    stopper.kill('SIGKILL');
    const ends = [...found.values()].map((report) => (report?.[0] === 'fatal' ? report[1] : report?.at(-1)));
    expect(ends).toHaveLength(20);
    expect(ends).toContain('time');
    expect(ends.filter((end) => !['end', 'time'].includes(end ?? ''))).toEqual([]);
  });

  it('is not taken for silent when it was this process that did not listen', async () => {
    const { send, close } = openHomeProgram(1000);
    try {
      const own = job('observe', '');
      await send([own]);
      // Behind an answer, as a walk through a tree is: timers come before the next one is read.
      const answer = send([own]);
      spawnSync('sleep', ['2.5']);
      expect(
        decodeTokens(await answer)
          ?.at(-1)
          ?.toString(),
      ).toBe('end');
    } finally {
      await close();
    }
  });

  it.each([
    ['a frame of no bytes', frame(new Uint8Array())],
    ['a frame that is cut off', frame(new Uint8Array([1, 2]), 9)],
    ['a frame of more bytes than any job has', frame(new Uint8Array(), 2 ** 30)],
  ])('ends at once, with a status, on %s', (_, request) => {
    expect(serve(request)).toEqual({ status: 1, bytes: Buffer.alloc(0) });
  });
});
