/** iso-tree's emptying: files of subordinate ids go, and nothing of others or elsewhere does. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clearTree } from '../../../src/setup/clear-tree.js';
import { directory, file, makeHome, own, SUBORDINATE, TREE, UID } from './owned-files.js';

let place: string;
let home: string;
const at = (path: string) => join(home, TREE, path);
const clear = () => clearTree({ uid: UID, home, tree: TREE, ranges: [{ start: SUBORDINATE, count: 65536 }] });
const refusal = (why: RegExp) =>
  expect.objectContaining({ code: 'step.failed', why: expect.stringMatching(why), hint: expect.anything() });

beforeAll(() => {
  place = mkdtempSync('/var/tmp/iso-clear-test.');
  chmodSync(place, 0o755);
});
afterAll(() => rmSync(place, { recursive: true }));
beforeEach(() => {
  home = makeHome(place);
});

describe('the emptying of a container tree', () => {
  it('removes files, links, FIFOs and closed directories of subordinate ids, and says how many', () => {
    const closed = directory(at('closed'), SUBORDINATE);
    file(join(closed, 'file'), SUBORDINATE + 33);
    directory(join(closed, 'deeper/still'), SUBORDINATE + 65535);
    own(join(closed, 'deeper'), SUBORDINATE);
    symlinkSync('/etc', join(closed, 'link'));
    own(join(closed, 'link'), SUBORDINATE);
    execFileSync('mkfifo', [join(closed, 'fifo')]);
    own(join(closed, 'fifo'), SUBORDINATE);
    chmodSync(closed, 0);
    expect(clear()).toEqual({ reason: '6 entries of subordinate ids' });
    expect(readdirSync(at('.'))).toEqual([]);
    expect(clear()).toBeUndefined();
  });

  it('leaves alone what belongs to others, with all below, and then does not let the ids go', () => {
    mkdirSync(at('of-root'));
    file(at('of-root/below'), SUBORDINATE);
    file(at('mapped'), SUBORDINATE);
    file(at('next-range'), SUBORDINATE + 65536);
    expect(clear).toThrow(refusal(/^2 entries belong to others$/));
    expect(readdirSync(at('.')).sort()).toEqual(['next-range', 'of-root']);
    expect(existsSync(at('of-root/below'))).toBe(true);
  });

  it('removes a second name and not the file, a link and not what it leads to', () => {
    const outside = directory(join(home, 'outside'), SUBORDINATE);
    const kept = file(join(outside, 'file'), SUBORDINATE);
    linkSync(kept, at('second-name'));
    symlinkSync(outside, at('link'));
    own(at('link'));
    clear();
    expect(readdirSync(at('.'))).toEqual([]);
    expect(existsSync(kept)).toBe(true);
  });

  it('does not cross into what is mounted there', () => {
    const outside = directory(join(home, 'outside'), SUBORDINATE);
    file(join(outside, 'file'), SUBORDINATE);
    directory(at('above/mounted'), SUBORDINATE);
    own(at('above'), SUBORDINATE);
    execFileSync('mount', ['--bind', '--', outside, at('above/mounted')]);
    try {
      expect(clear).toThrow(refusal(/^1 other file system is mounted there$/));
      expect(readdirSync(outside)).toEqual(['file']);
    } finally {
      execFileSync('umount', ['--', at('above/mounted')]);
    }
  });

  it('says what could not be removed', () => {
    const fixed = file(at('fixed'), SUBORDINATE);
    execFileSync('chattr', ['+i', fixed]);
    try {
      expect(clear).toThrow(refusal(/^1 entry could not be removed \(EPERM\), first fixed$/));
    } finally {
      execFileSync('chattr', ['-i', fixed]);
    }
    expect(clear()).toEqual({ reason: '1 entry of subordinate ids' });
  });

  it('follows no name that its owner exchanges for a link meanwhile', () => {
    const victim = directory(join(home, 'victim'));
    const names = Array.from({ length: 200 }, (_, index) => file(join(victim, String(index))));
    const round = 'mkdir -p swapped/d; mv -T swapped aside; ln -s ../../../victim swapped; rm -f swapped; rm -rf aside';
    const loop = ['sh', '-c', `cd "$1" && while :; do ${round}; done`, 'sh', at('.')];
    const asUser = [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups'];
    const swapper = spawn('setpriv', [...asUser, ...loop], { detached: true, stdio: 'ignore' });
    try {
      for (let tries = 0; tries < 200; tries += 1) {
        try {
          clear();
        } catch {
          // Names that vanish or appear meanwhile may be told as failed.
        }
      }
    } finally {
      process.kill(-(swapper.pid ?? 0), 'SIGKILL');
    }
    expect(readdirSync(victim)).toHaveLength(names.length);
  });
});
