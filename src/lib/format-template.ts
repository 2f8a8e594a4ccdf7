/**
 * `--format`: the part of Go's templates that people use with Podman and Docker. `{{.A.B}}`, `{{json .A}}`, `{{range .A}}…{{end}}`
 * and text between them, in which `\t` and `\n` stand for themselves. Pure.
 */
import { IsoError } from './errors.js';
import { escapeControl, formatTable } from './text.js';

type Piece = string | { path: readonly string[]; json: boolean } | { range: readonly string[]; body: Piece[] };

/** A parsed template; `table` when it began with that word. */
export interface Template {
  table: boolean;
  pieces: Piece[];
}

const MAX_LENGTH = 16_384;
const MAX_DEPTH = 8;
const PATH = /^\.(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)?$/;

const refuse = (text: string, why: string) =>
  new IsoError('usage.invalid', `cannot use --format ${text}`, why, {
    hint: 'use {{.Field}}, {{json .Field}}, {{range .List}}…{{end}}, `table …` or json; `--format json` shows the fields',
  });

/** Splits into text and the insides of `{{…}}`, alternating. */
function split(text: string): string[] {
  const parts: string[] = [];
  let at = 0;
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', at)) {
    const close = text.indexOf('}}', open);
    if (close < 0) throw refuse(text, 'a {{ has no }}');
    parts.push(text.slice(at, open), text.slice(open + 2, close).trim());
    at = close + 2;
  }
  return [...parts, text.slice(at)];
}

const pathOf = (word: string, text: string): string[] => {
  if (!PATH.test(word)) throw refuse(text, `'${word}' is no field`);
  return word.slice(1).split('.').filter(Boolean);
};

const unescapeText = (text: string) => text.replace(/\\t/g, '\t').replace(/\\n/g, '\n');

/** @throws IsoError usage.invalid for what this part of the language lacks */
export function parseTemplate(text: string): Template {
  if (text.length > MAX_LENGTH) throw refuse(`${text.slice(0, 40)}…`, `it is longer than ${MAX_LENGTH} characters`);
  const table = /^table\s/.test(text);
  const parts = split(table ? text.slice(6) : text);
  const stack: Piece[][] = [[]];
  for (const [index, part] of parts.entries()) {
    const top = stack.at(-1) as Piece[];
    if (index % 2 === 0) {
      if (part !== '') top.push(unescapeText(part));
      continue;
    }
    const [word = '', operand = '.', ...more] = part.split(/\s+/);
    if (more.length > 0) throw refuse(text, `'{{${part}}}' is not understood`);
    if (word === 'end' && stack.length > 1) stack.pop();
    else if (word === 'range' && stack.length < MAX_DEPTH) {
      const body: Piece[] = [];
      top.push({ range: pathOf(operand, text), body });
      stack.push(body);
    } else if (word === 'json') top.push({ path: pathOf(operand, text), json: true });
    else if (word.startsWith('.') && operand === '.') top.push({ path: pathOf(word, text), json: false });
    else throw refuse(text, `'{{${part}}}' is not understood`);
  }
  if (stack.length > 1) throw refuse(text, 'a {{range}} has no {{end}}');
  return { table, pieces: stack[0] as Piece[] };
}

function lookUp(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) {
      throw new IsoError('usage.invalid', `cannot show .${path.join('.')}`, `there is no field ${name}`, {
        hint: '`--format json` shows the fields',
      });
    }
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** As Go prints a value with %v. */
function show(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value !== 'object') return escapeControl(String(value));
  const members = Object.entries(value).map(([key, one]) => `${key}:${show(one)}`);
  return `map[${members.join(' ')}]`;
}

const itemsOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [];

function fill(pieces: readonly Piece[], value: unknown): string {
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      if ('range' in piece)
        return itemsOf(lookUp(value, piece.range))
          .map((item) => fill(piece.body, item))
          .join('');
      const found = lookUp(value, piece.path);
      return piece.json ? JSON.stringify(found) : show(found);
    })
    .join('');
}

type Headings = Readonly<Record<string, string>>;

/** The heading that `table` gives: of each field its own, or else its last name in capitals. */
function headingOf(pieces: readonly Piece[], headings: Headings): string {
  const plain = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      const name = 'path' in piece ? (piece.path.at(-1) ?? '') : '';
      return Object.hasOwn(headings, name) ? headings[name] : plain(name);
    })
    .join('');
}

/** A line for each value; a table with a heading for `table`. @throws IsoError usage.invalid for a field that one lacks */
export function formatValues({ table, pieces }: Template, values: readonly unknown[], headings: Headings = {}): string {
  const lines = values.map((value) => fill(pieces, value));
  if (!table) return lines.map((line) => `${line}\n`).join('');
  const cells = (line: string) => line.split('\t');
  return `${formatTable(cells(headingOf(pieces, headings)), lines.map(cells))}\n`;
}
