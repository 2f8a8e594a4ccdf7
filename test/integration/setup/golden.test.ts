/**
 * Root directories before and after `iso-setup --root`, as data: `initial/` and the things of `case.json` before,
 * `expected/` and `expected.tree` after, or the error. Each is applied twice: the second run has nothing to do.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isoSetup, listTree, makeRoot, readFiles, type Thing } from './scratch-root.js';

const golden = join(import.meta.dirname, '../../fixtures/setup/golden');

interface Case {
  args: string[];
  things?: Thing[];
  /** What is wrong, when the run must be refused; nothing may have changed then. */
  error?: { status: number; text: string };
  /** States other than `unchanged` that the second run may show, such as `unavailable` and `drift`. */
  remaining?: string[];
}

interface PlanJson {
  phases: { items: { state: string; reason: string; subject: string }[] }[];
}

let root: string | undefined;
afterEach(() => {
  if (root !== undefined) rmSync(root, { recursive: true });
  root = undefined;
});

const itemsOf = (stdout: string) => (JSON.parse(stdout) as PlanJson).phases.flatMap((phase) => phase.items);

describe('iso-setup --root', () => {
  it.each(readdirSync(golden).sort())('%s', (name) => {
    const folder = join(golden, name);
    const one = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;
    const made = makeRoot(join(folder, 'initial'), one.things ?? []);
    root = made;
    const args = [...one.args, '--root', made];
    const before = listTree(made);

    const dry = isoSetup([...args, '--dry-run']);
    expect(listTree(made)).toEqual(before);

    const first = isoSetup(args);
    if (one.error) {
      const shown = first.stderr.replaceAll(made, 'ROOT');
      expect({ status: first.status, text: shown }).toEqual({
        ...one.error,
        text: expect.stringContaining(one.error.text),
      });
      expect(listTree(made).filter((line) => !/ (var|var\/lib|var\/lib\/iso|var\/lib\/iso\/lock)$/.test(line))).toEqual(
        before,
      );
      for (const [path, text] of readFiles(join(folder, 'initial')))
        expect(readFileSync(join(made, path), 'utf8')).toBe(text);
      return;
    }
    expect([dry.stderr, dry.status, first.stderr, first.status]).toEqual(['', 0, '', 0]);
    for (const [path, text] of readFiles(join(folder, 'expected'))) {
      expect(readFileSync(join(made, path), 'utf8').replaceAll(made, 'ROOT'), path).toBe(text);
    }
    const tree = join(folder, 'expected.tree');
    if (existsSync(tree)) expect(`${listTree(made).join('\n')}\n`).toBe(readFileSync(tree, 'utf8'));

    const after = listTree(made);
    const second = isoSetup([...args, '--json']);
    const items = itemsOf(second.stdout);
    expect(items.length).toBeGreaterThan(0);
    expect(items.filter((item) => item.reason === '')).toEqual([]);
    const states = new Set(items.map((item) => item.state).filter((state) => state !== 'unchanged'));
    expect([...states].sort()).toEqual(one.remaining ?? ['unavailable']);
    expect(listTree(made)).toEqual(after);
  });
});
