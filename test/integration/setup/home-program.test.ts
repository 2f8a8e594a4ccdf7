/** iso-home by its wire: what it refuses before the first system call, and that it is the user and nobody else. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installed } from '../../../src/sys/install.js';
import { decodeTokens, encodeTokens } from '../../../src/sys/wire.js';

const UID = 70001;
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
function send(request: Uint8Array): string[] | undefined {
  const [input, output] = [join(place, 'in'), join(place, 'out')];
  writeFileSync(input, request);
  writeFileSync(output, '');
  const script = 'exec "$0" 3<"$1" 4>"$2"';
  const { signal } = spawnSync('sh', ['-c', script, installed('iso-home'), input, output], { timeout: 10_000 });
  expect(signal).toBeNull();
  return decodeTokens(readFileSync(output))?.map(String);
}

const head = (...groups: number[]) => ['iso-home-1', UID, UID, groups.length, ...groups, home];
const job = (...tokens: (string | number)[]) => encodeTokens([...head(), ...tokens]);

describe('iso-home', () => {
  it.each([
    ['nothing at all', new Uint8Array(), 'decode'],
    ['a torn length', new Uint8Array([9, 0]), 'decode'],
    ['a length beyond the end', new Uint8Array([255, 255, 255, 127, 0]), 'decode'],
    ['another version', encodeTokens(['iso-home-2', UID, UID, 0, '/']), 'decode'],
    ['uid 0', encodeTokens(['iso-home-1', 0, UID, 0, '/']), 'decode'],
    ['uid -1', encodeTokens(['iso-home-1', 4294967295, UID, 0, '/']), 'decode'],
    ['a uid of too many bits', encodeTokens(['iso-home-1', 4294967296, UID, 0, '/']), 'decode'],
    ['more groups than given', encodeTokens(['iso-home-1', UID, UID, 65536, '/']), 'decode'],
    ['a relative home', encodeTokens(['iso-home-1', UID, UID, 0, 'home']), 'decode'],
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
    ["a home that is not the user's", encodeTokens(['iso-home-1', UID, UID, 0, '/root']), 'home'],
    ['a home that is not there', encodeTokens(['iso-home-1', UID, UID, 0, '/no/such']), 'home'],
  ])('refuses %s', (_, request, stage) => {
    expect(send(request)?.slice(0, 2)).toEqual(['fatal', stage]);
  });

  it('acts as the user, not as root', () => {
    expect(send(encodeTokens([...head(), 'mkdir', 'own', 0o700]))?.slice(0, 3)).toEqual(['0', '0', 'd']);
    expect(statSync(join(home, 'own')).uid).toBe(UID);
    const roots = join(place, 'roots');
    mkdirSync(roots, { mode: 0o755 });
    const into = encodeTokens(['iso-home-1', UID, UID, 0, roots, 'mkdir', 'x', 0o700]);
    expect(send(into)?.slice(0, 2)).toEqual(['fatal', 'home']);
  });

  it('has the groups it was given and none of its caller', () => {
    const gate = join(place, 'gate');
    const inner = join(gate, 'home');
    mkdirSync(inner, { recursive: true });
    chownSync(inner, UID, UID);
    chmodSync(gate, 0o710);
    const enter = (...groups: number[]) =>
      send(encodeTokens(['iso-home-1', UID, UID, groups.length, ...groups, inner, 'observe', '']))?.[0];
    chownSync(gate, 0, 71234);
    expect([enter(), enter(71234)]).toEqual(['fatal', '0']);
    chownSync(gate, 0, 0);
    expect(enter()).toBe('fatal');
  });

  it('tries no further change after one that failed, and goes on looking', () => {
    const answer = send(job('mkdir', 'no/such', 0o700, 'mkdir', 'later', 0o700, 'observe', 'own')) ?? [];
    const [enoent, ecanceled] = ['2', '125'];
    expect([answer[0], answer[11], answer[22]]).toEqual([enoent, ecanceled, '0']);
    expect(answer.at(-1)).toBe('end');
    expect(() => statSync(join(home, 'later'))).toThrow(/ENOENT/);
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
    expect(send(job('empty', 'tree', 'rmdir', 'tree'))?.filter((_, index) => index % 11 === 0)).toEqual([
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
    expect([done, refused]).toContainEqual([answer[11], answer[20]]);
  });

  it('counts what it may not remove', () => {
    mkdirSync(join(home, 'tree/theirs'), { recursive: true });
    writeFileSync(join(home, 'tree/theirs/file'), '');
    chownSync(join(home, 'tree'), UID, UID);
    const [errno, , , , , , , left] = send(job('empty', 'tree')) ?? [];
    const ENOTEMPTY = '39';
    expect([errno, left]).toEqual([ENOTEMPTY, '2']);
  });
});
