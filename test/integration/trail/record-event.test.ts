import { execFileSync, spawn } from 'node:child_process';
import { linkSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { appendLine } from '../../../src/trail/record-event.js';

let root: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iso-record-'));
  file = join(root, 'events.jsonl');
});
afterEach(() => rmSync(root, { recursive: true }));

test('a new file has the mode asked for whatever the umask is; an existing one keeps its own', () => {
  const umask = process.umask(0o777);
  try {
    appendLine(file, 'one\n', 0o640);
  } finally {
    process.umask(umask);
  }
  expect(statSync(file).mode & 0o777).toBe(0o640);
  execFileSync('chmod', ['600', file]);
  appendLine(file, 'two\n', 0o640);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
});

test('a line cut off by a crash does not swallow the next one', () => {
  writeFileSync(file, 'one\ntor');
  appendLine(file, 'two\n', 0o600);
  expect(readFileSync(file, 'utf8')).toBe('one\ntor\ntwo\n');
});

const hostile: [string, () => void][] = [
  ['a symbolic link', () => symlinkSync(join(root, 'target'), file)],
  ['a hard link', () => linkSync(join(root, 'target'), file)],
  ['a FIFO', () => execFileSync('mkfifo', [file])],
];

test.each(hostile)('%s is refused at once and its target is left alone', (_name, make) => {
  writeFileSync(join(root, 'target'), 'canary');
  make();
  const before = lstatSync(file).mode;
  expect(() => appendLine(file, 'line\n', 0o600)).toThrow();
  expect(readFileSync(join(root, 'target'), 'utf8')).toBe('canary');
  expect(lstatSync(file).mode).toBe(before);
});

test('writers at the same time do not mix their lines', async () => {
  // The same system calls from several processes: O_APPEND and one write a line.
  const script = `
    const { openSync, writeSync, closeSync, constants: c } = require('node:fs');
    for (let i = 0; i < 300; i += 1) {
      const fd = openSync(process.argv[1], c.O_RDWR | c.O_APPEND | c.O_CREAT, 0o600);
      writeSync(fd, process.argv[2].repeat(500) + '\\n');
      closeSync(fd);
    }`;
  const writers = ['a', 'b', 'c'].map((letter) =>
    spawn(process.execPath, ['-e', script, file, letter], { stdio: 'inherit', env: { PATH: process.env.PATH } }),
  );
  const done = writers.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (let i = 0; i < 300; i += 1) appendLine(file, `${'d'.repeat(500)}\n`, 0o600);
  await Promise.all(done);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  expect(lines.filter((line) => !/^(a{500}|b{500}|c{500}|d{500})$/.test(line))).toEqual([]);
  expect(lines).toHaveLength(1200);
});
