/** The project's own source as the architecture tests see it: files, their lines, their imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export interface Import {
  /** As written: `./text.js`, `node:fs`, `execa`. */
  specifier: string;
  /** Path of the imported file from the top of the tree when it is ours: `src/lib/text.ts`. */
  file?: string;
  /** `import type`: gone at run time. */
  isType: boolean;
  /** `import()`: loaded when first needed. */
  isLazy: boolean;
}

export interface SourceFile {
  /** From the top of the tree: `src/lib/text.ts`. */
  path: string;
  text: string;
  /** The text with comments blanked, so that rules judge code only. */
  code: string;
  imports: Import[];
}

function blankComments(text: string): string {
  // Strings are matched first, so that `//` inside one stays.
  const token = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(token, (match, quoted: string | undefined) => quoted ?? match.replace(/[^\n]/g, ' '));
}

function resolveOwn(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return normalize(join(dirname(from), specifier)).replace(/\.js$/, '.ts');
}

function readImports(path: string, code: string): Import[] {
  const statement = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  const lazy = /(typeof\s+)?\bimport\('([^']+)'\)/g;
  const found = (match: RegExpMatchArray, isLazy: boolean): Import => {
    const specifier = match[2] ?? '';
    const file = resolveOwn(path, specifier);
    return { specifier, isType: match[1] !== undefined, isLazy, ...(file === undefined ? {} : { file }) };
  };
  return [
    ...[...code.matchAll(statement)].map((match) => found(match, false)),
    ...[...code.matchAll(lazy)].map((match) => found(match, true)),
  ];
}

/** Paths of all files below `folder` that end in `extension`, sorted; what tools generate is left out. */
export function listFiles(folder: string, extension: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !/^(src\/generated|native\/build)\//.test(path))
    .sort();
}

export function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const code = blankComments(text);
  return { path, text, code, imports: readImports(path, code) };
}

/** Every TypeScript file of the product. */
export const product: readonly SourceFile[] = listFiles('src', '.ts').map(readSource);

/** Files that `start` reaches by imports that `follow` accepts, itself included. */
export function reach(start: string, follow: (step: Import) => boolean): Set<string> {
  const byPath = new Map(product.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const step of byPath.get(path)?.imports ?? []) {
      if (step.file !== undefined && follow(step)) open.push(step.file);
    }
  }
  return seen;
}
