/** `iso-setup remove` below a root directory: what was turned on for a user goes, what others turned on stays. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, withRoot } from './crash-points.js';
import type { Thing } from './scratch-root.js';

const MARK = 'var/lib/systemd/linger/alice';
const NOTE = 'var/lib/iso/users/70001.json';
const things: Thing[] = [
  { path: 'etc/passwd', type: 'file', content: 'alice:x:70001:70001::/home/alice:/bin/sh\n' },
  { path: 'etc/group', type: 'file', content: '' },
  { path: 'home/alice', type: 'directory', uid: 70001, mode: '700' },
  { path: MARK, type: 'file' },
];

function noteLinger(root: string): void {
  const note = join(root, NOTE);
  writeFileSync(note, JSON.stringify({ ...(JSON.parse(readFileSync(note, 'utf8')) as object), linger: true }));
}

describe('the linger of a user who is removed', () => {
  it('is turned off when iso-setup turned it on, once', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      noteLinger(root);
      const { status, stdout } = await run(['remove', 'alice', '--root', root]);
      expect([status, stdout]).toEqual([0, expect.stringMatching(/done +linger +alice: on -> off/)]);
      expect(existsSync(join(root, MARK))).toBe(false);
      // Whoever turns it on next is not us.
      writeFileSync(join(root, MARK), '');
      expect((await run(['remove', 'alice', '--root', root])).stdout).not.toContain('linger');
      expect(existsSync(join(root, MARK))).toBe(true);
    }));

  it('stays when somebody else turned it on', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      expect((await run(['remove', 'alice', '--purge', '--root', root])).status).toBe(0);
      expect([existsSync(join(root, MARK)), existsSync(join(root, NOTE))]).toEqual([true, false]);
    }));

  it('is turned off as well when the account is gone', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      noteLinger(root);
      writeFileSync(join(root, 'etc/passwd'), '');
      expect((await run(['remove', 'alice', '--root', root])).status).toBe(0);
      expect([existsSync(join(root, MARK)), existsSync(join(root, NOTE))]).toEqual([false, false]);
    }));
});

describe('`remove --deleted`', () => {
  const subuid = (root: string) => readFileSync(join(root, 'etc/subuid'), 'utf8');
  const noted = (root: string) => readFileSync(join(root, 'var/lib/iso/ranges.json'), 'utf8').includes('"alice:');

  it.each([
    ['lets the ids go when the home is gone', '/home/gone', false],
    ['keeps them while the home is there', '/home/alice', true],
    ['keeps them for a home whose name did not come whole', '/home/g\uFFFD', true],
    ['keeps them for a home that is no path', 'gone', true],
    ['keeps them for a home that leads through another directory', '/home/gone/../alice', true],
  ])('%s', (_, home, isKept) =>
    withRoot(things, [['user', 'alice']], async (root) => {
      writeFileSync(join(root, 'etc/passwd'), '');
      const { status } = await run(['remove', '--deleted', `--home=${home}`, 'alice', '--root', root]);
      expect([status, subuid(root), noted(root)]).toEqual([0, '', isKept]);
    }),
  );

  it('does nothing while there is an account, and never removes data', () =>
    withRoot(things, [['user', 'alice']], async (root) => {
      const before = subuid(root);
      const { status, stdout } = await run(['remove', '--deleted', '--home=/home/gone', 'alice', '--root', root]);
      expect([status, stdout]).toEqual([0, expect.stringContaining('it is an account; all stays as it is')]);
      expect(subuid(root)).toBe(before);
      for (const wrong of [['--deleted', '--purge'], ['--home=/x']])
        expect((await run(['remove', 'alice', ...wrong, '--root', root])).status).toBe(64);
    }));
});
