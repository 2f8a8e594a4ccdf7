/** Habits that keep the source readable: sizes, names, and who may print. */
import { describe, expect, it } from 'vitest';
import { listFiles, product, readSource, type SourceFile } from './source-tree.js';

const MAX_LINES = { '.ts': 300, '.c': 400, '.h': 400 };
const MAX_C_FUNCTION = 60;
/** Words that say nothing about the thing. A process is a thing of the kernel here, so only the bare word is banned. */
const BANNED = ['manager', 'helper', 'handler', 'common', 'misc', 'data', 'info'];

const native = ['.c', '.h'].flatMap((extension) => listFiles('native', extension)).map(readSource);
const tests = listFiles('test', '.ts').map(readSource);
const lines = (text: string) => text.split('\n').length - 1;

/** Words of a name in any case style: `readSafeFile`, `safe-file`, `safe_file`. */
const words = (name: string) =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
const saysNothing = (name: string) => words(name).some((word) => BANNED.includes(word)) || /^process$/i.test(name);

describe('files', () => {
  it('stay within their size', () => {
    const sizes = [...product, ...tests, ...native].map(({ path, text }) => {
      const extension = path.slice(path.lastIndexOf('.')) as keyof typeof MAX_LINES;
      return { path, lines: lines(text), max: MAX_LINES[extension] };
    });
    expect(sizes.filter((file) => file.lines > file.max)).toEqual([]);
  });

  it('are named for the thing', () => {
    const paths = [...product, ...tests, ...native].map((file) => file.path);
    expect(paths.filter((path) => path.split(/[/.]/).some(saysNothing))).toEqual([]);
  });
});

describe('code', () => {
  it('names types for the thing', () => {
    const declared = /^(?:export )?(?:interface|type|class|enum)\s+([A-Z]\w*)/gm;
    const named = product.flatMap((file) => [...file.code.matchAll(declared)].map((match) => match[1] ?? ''));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(saysNothing)).toEqual([]);
  });

  it('prints and exits only in src/cli', () => {
    const printing = /\bconsole\.|\bprocess\.(exit|exitCode|abort)\b|\bprocess\.std(out|err)\.write\b/;
    const found = product.filter((file) => !file.path.startsWith('src/cli/') && printing.test(file.code));
    expect(found.map((file) => file.path)).toEqual([]);
  });

  it('writes to standard output in one place, which knows readers that go away', () => {
    const found = product.filter((file) => /\bprocess\.stdout\.write\b/.test(file.code)).map((file) => file.path);
    expect(found).toEqual(['src/cli/write-out.ts']);
  });

  it('has one class, the error', () => {
    const classes = product.flatMap((file) => [...file.code.matchAll(/\bclass\s+(\w+)/g)].map((match) => match[1]));
    expect(classes).toEqual(['IsoError']);
  });

  it('keeps C functions on a screen', () => {
    const long = native.flatMap(({ path, code }) =>
      [...code.matchAll(/^[a-z][^\n;]*\{\n[\s\S]*?^\}/gm)]
        .map((match) => ({ path, name: match[0].slice(0, match[0].indexOf('\n')), lines: lines(match[0]) + 1 }))
        .filter((found) => found.name.includes('(') && found.lines > MAX_C_FUNCTION),
    );
    expect(long).toEqual([]);
  });
});

describe('tests', () => {
  const suites = tests.filter((file) => file.path.endsWith('.test.ts'));

  it('expect something in every file', () => {
    expect(suites.length).toBeGreaterThan(2);
    const expects = (file: SourceFile) => /\bexpect\(/.test(file.code);
    // A suite may be put together from groups of tests that lie in files of their own beside it.
    const groups = tests.filter((file) => file.path.endsWith('-tests.ts') && expects(file)).map((file) => file.path);
    const idle = suites.filter(
      (file) => !expects(file) && !file.imports.some((one) => groups.includes(one.file ?? '')),
    );
    expect(idle.map((file) => file.path)).toEqual([]);
  });

  it('replace nothing by a mock', () => {
    const mocking = /\bvi\.(mock|doMock|spyOn|stubGlobal|fn)\(/;
    expect(suites.filter((file) => mocking.test(file.code)).map((file) => file.path)).toEqual([]);
  });
});
