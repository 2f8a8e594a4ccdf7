/** Edits of users are shown as they are, and can do nothing to the terminal that shows them. */
import { rmSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { unifiedDiff } from '../../../src/sys/diff.js';
import { isoSetup, makeRoot } from './scratch-root.js';

const CONFIG = 'home/alice/.config/containers';
const own = { uid: 70001, mode: '700' };
let root: string | undefined;
afterEach(() => {
  if (root !== undefined) rmSync(root, { recursive: true });
  root = undefined;
});

const EDITED = 'netns = "host"\n\u001b]0;title\u0007\n--- /etc/shadow\n';

function makeEdited(): string {
  return makeRoot(undefined, [
    {
      path: 'etc/passwd',
      type: 'file',
      content: 'root:x:0:0::/root:/bin/sh\nalice:x:70001:70001::/home/alice:/bin/sh\n',
    },
    { path: 'etc/group', type: 'file', content: 'root:x:0:\nalice:x:70001:\n' },
    ...['home/alice', 'home/alice/.config', CONFIG].map((path) => ({ path, type: 'directory' as const, ...own })),
    { path: `${CONFIG}/containers.conf`, type: 'file', uid: 70001, mode: '600', content: EDITED },
  ]);
}

it('shows what is in the file and what would be written, and changes nothing', () => {
  root = makeEdited();
  const { status, stdout } = isoSetup(['user', 'alice', '--check', '--diff', '--root', root]);
  expect(status).toBe(2);
  expect(stdout).toMatch(/^ {4}-netns = "host"$/m);
  expect(stdout).toMatch(/^ {4}\+netns = "none"$/m);
  expect(stdout).toContain('    -\\x1b]0;title\\x07\n    ---- /etc/shadow\n');
  expect(stdout).not.toContain('\u001b');
});

it('is part of the JSON, and only when it is asked for', () => {
  root = makeEdited();
  const ask = (...more: string[]) =>
    isoSetup(['user', 'alice', '--check', '--json', '--root', root ?? '', ...more]).stdout;
  expect(ask('--diff')).toContain('"diff":"@@ ');
  expect(ask()).not.toContain('netns');
});

it.each([
  ['equal texts', 'a\n', 'a\n', ''],
  ['a line', 'a\nb\n', 'a\nc\n', '@@ -1,2 +1,2 @@\n a\n-b\n+c\n'],
  ['a missing end of line', 'a', 'a\n', '@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n'],
  ['an empty file', '', 'a\n', '@@ -0,0 +1 @@\n+a\n'],
])('compares %s', (_, before, after, diff) => {
  expect(unifiedDiff(before, after)).toBe(diff);
});
