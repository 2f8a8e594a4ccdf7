/** The manual pages against the programs and the policy: what can be typed or set is explained. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { installed } from '../../../src/sys/install.js';

/** Words as readers see them. */
function readPage(name: string): string {
  const source = readFileSync(new URL(`../../../debian/man/${name}`, import.meta.url), 'utf8');
  return source.replaceAll('\\-', '-').replaceAll('\\(dq', '"').replace(/\\f./g, '');
}

const help = (words: readonly string[]) =>
  execFileSync(process.execPath, [installed(`${words[0]}.js`), ...words.slice(1), '--help'], { encoding: 'utf8' });

/** Every command of a program with its help, the program first. */
function commandsOf(words: readonly string[]): { words: readonly string[]; text: string }[] {
  const text = help(words);
  const [, list = ''] = text.split('\nCommands:\n');
  const names = [...list.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1] ?? '').filter((name) => name !== 'help');
  return [{ words, text }, ...names.flatMap((name) => commandsOf([...words, name]))];
}

describe.each([
  ['iso-run', 'iso-run.1', 10],
  ['iso-setup', 'iso-setup.8', 5],
  ['iso-audit', 'iso-audit.8', 3],
])('the manual of %s', (program, page, atLeast) => {
  const commands = commandsOf([program]);
  const text = readPage(page);

  it('names every command', () => {
    const leaves = commands.filter(({ text }) => !text.includes('\nCommands:\n'));
    expect(commands.length).toBeGreaterThanOrEqual(atLeast);
    const name = ({ words }: { words: readonly string[] }) => words.slice(1).join(' ');
    expect(leaves.map(name).filter((words) => !text.includes(words))).toEqual([]);
  });

  it('explains every option', () => {
    const options = commands.flatMap(({ text }) => [...text.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)]);
    const own = new Set(options.map((match) => match[1] ?? ''));
    own.delete('--help');
    own.delete('--version');
    expect(own.size).toBeGreaterThan(3);
    expect([...own].filter((option) => !text.includes(option))).toEqual([]);
  });
});

it('the manual of the policy gives every key with its default', () => {
  const page = readPage('iso-policy.5');
  const settings = Object.entries(DEFAULT_POLICY).flatMap(([table, value]) =>
    typeof value === 'object' ? Object.entries(value).map(([key, one]) => [`${table}.${key}`, one]) : [[table, value]],
  );
  const shown = (value: unknown) => JSON.stringify(value).replaceAll('","', '", "');
  const lines = settings.map(([key, value]) => `.B ${key} = ${shown(value)}\n`);
  expect(lines.length).toBeGreaterThan(15);
  expect(lines.filter((line) => !page.includes(line))).toEqual([]);
  expect(page.match(/^\.B [a-z._]+ = /gm)).toHaveLength(lines.length);
});
