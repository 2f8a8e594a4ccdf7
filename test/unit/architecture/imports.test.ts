/** The import rules of the architecture: who may know whom, what planning may touch, what a start may load. */
import { describe, expect, it } from 'vitest';
import { type Import, product, reach, type SourceFile } from './source-tree.js';

const BASE = ['lib', 'policy', 'sys', 'facts'];

/** Rows each row of src/ may import, itself apart. */
const ALLOWED: Record<string, readonly string[]> = {
  lib: [],
  policy: ['lib'],
  sys: ['lib'],
  facts: ['lib', 'sys'],
  setup: BASE,
  image: BASE,
  network: BASE,
  run: [...BASE, 'image', 'network'],
  trail: BASE,
  audit: BASE,
  cli: [...BASE, 'setup', 'image', 'network', 'run', 'trail', 'audit'],
};

/** The trail's event client, open to every row above the base. */
const EVENT_CLIENT = ['src/trail/event.ts', 'src/trail/record-event.ts'];

const isPlanning = (path: string) => /\/(desired|plan|compile|evaluate)(-[a-z-]+)?\.ts$/.test(path);
const rowOf = (path: string) => path.split('/')[1] ?? '';

function isAllowed(from: string, to: string): boolean {
  const row = rowOf(from);
  const target = rowOf(to);
  // Validators compiled from our schemas: data that imports nothing.
  if (target === row || target === 'generated') return true;
  if (EVENT_CLIENT.includes(to)) return !BASE.includes(row);
  if (row === 'audit' && target === 'setup') return isPlanning(to);
  return (ALLOWED[row] ?? []).includes(target);
}

const violations = (check: (file: SourceFile, step: Import) => boolean): string[] =>
  product.flatMap((file) =>
    file.imports.filter((step) => check(file, step)).map((step) => `${file.path} -> ${step.specifier}`),
  );

describe('imports', () => {
  it('are found in the source at all', () => {
    const main = product.find((file) => file.path === 'src/cli/main.ts');
    expect(main?.imports.map((step) => step.specifier)).toContain('../lib/errors.js');
  });

  it('exist only for rows that the architecture names', () => {
    const rows = new Set(product.filter((file) => file.path.split('/').length > 2).map((file) => rowOf(file.path)));
    expect([...rows].filter((row) => !Object.hasOwn(ALLOWED, row))).toEqual([]);
  });

  it('follow the order of the rows', () => {
    expect(violations((file, step) => step.file !== undefined && !isAllowed(file.path, step.file))).toEqual([]);
  });

  it('form no cycle', () => {
    const eager = (step: Import) => !step.isType;
    const cyclic = product.filter((file) =>
      file.imports.some((step) => eager(step) && step.file !== undefined && reach(step.file, eager).has(file.path)),
    );
    expect(cyclic.map((file) => file.path)).toEqual([]);
  });

  it('reach each library through its one door', () => {
    const doors: Record<string, RegExp> = {
      commander: /^src\/cli\//,
      execa: /^src\/sys\/exec\.ts$/,
      koffi: /^src\/sys\/ffi\.ts$/,
    };
    const wrong = violations(
      ({ path }, { specifier }) => doors[specifier] !== undefined && !doors[specifier].test(path),
    );
    expect(wrong).toEqual([]);
  });

  it.each(['iso-setup', 'iso-run', 'iso-audit'])('load no costly library when %s starts', (name) => {
    const costly = ['ajv', 'execa', 'handlebars', 'koffi', 'pino', 'smol-toml'];
    const isEager = (step: Import) => !step.isType && !step.isLazy;
    const loaded = reach(`src/cli/${name}.ts`, isEager);
    const found = violations((file, step) => loaded.has(file.path) && isEager(step) && costly.includes(step.specifier));
    expect(loaded).toContain('src/cli/main.ts');
    expect(found).toEqual([]);
  });
});

describe('planning files', () => {
  const impureModules = /^(node:)?(fs|fs\/promises|child_process|net|http|https|os|worker_threads)$/;
  const planning = product.filter((file) => isPlanning(file.path));

  it('touch no file system, process, clock or randomness', () => {
    const impureCode =
      /(?<![.\w])process\.|\brandom(Bytes|UUID|Int)\(|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(/;
    expect(planning.filter((file) => impureCode.test(file.code)).map((file) => file.path)).toEqual([]);
  });

  it('import nothing that does, however far', () => {
    const reached = new Set(planning.flatMap((file) => [...reach(file.path, (step) => !step.isType && !step.isLazy)]));
    const found = violations(
      (file, step) => reached.has(file.path) && !step.isType && impureModules.test(step.specifier),
    );
    expect(found).toEqual([]);
  });
});
