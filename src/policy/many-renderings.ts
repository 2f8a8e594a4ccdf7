/**
 * One template for many users. Where a template only prints what differs between them, it is rendered once with a mark for
 * each such value, and marks are replaced from then on. A template that decides anything by such a value is rendered for
 * each. Pure.
 */

export type Render = (values: object) => string;

const QUOTED = Symbol('quoted');

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;

/** Quotes a value for TOML and JSON alike. */
export function quote(value: unknown): string {
  if (isObject(value) && QUOTED in value) return String(value[QUOTED]);
  return JSON.stringify(String(value)).replace(/\u007f/g, '\\u007f');
}

/** Stands for a value that differs: printed as it is, or quoted. */
const markOf = (path: string) => ({ [QUOTED]: `\0quoted ${path}\0`, toString: () => `\0plain ${path}\0` });

const MARK = /\0(plain|quoted) ([^\0]+)\0/;

/** Values by path (`user.name`), nested ones too. */
function leavesOf(values: object, prefix = ''): [string, unknown][] {
  return Object.entries(values).flatMap(([key, value]): [string, unknown][] =>
    isObject(value) ? leavesOf(value, `${prefix}${key}.`) : [[prefix + key, value]],
  );
}

function markedOf(values: object, prefix = ''): object {
  const marks = Object.entries(values).map(([key, value]) => [
    key,
    isObject(value) ? markedOf(value, `${prefix}${key}.`) : markOf(prefix + key),
  ]);
  return Object.fromEntries(marks);
}

interface Own {
  /** Names at the top: `user`. */
  heads: ReadonlySet<string>;
  paths: ReadonlySet<string>;
}

/** Whether a path of a template may lead to a value that differs: by its name, or by the context that holds all of them. */
function mayDiffer(path: Record<string, unknown>, { heads }: Own): boolean {
  const [head] = path.parts as string[];
  if (path.data === true) return head === 'root';
  return head === undefined || heads.has(head);
}

/** The path of a node that does nothing but print it. */
function printedPath(node: Record<string, unknown>): Record<string, unknown> | undefined {
  if (node.type !== 'MustacheStatement' || node.hash !== undefined) return undefined;
  const params = node.params as Record<string, unknown>[];
  const path = node.path as Record<string, unknown>;
  const printed = params.length === 0 ? path : path.original === 'quote' && params.length === 1 ? params[0] : undefined;
  return printed?.type === 'PathExpression' ? printed : undefined;
}

/** The syntax tree prints values that differ, and decides nothing by them: then contexts hold none of them but the outermost. */
function onlyPrints(node: unknown, own: Own): boolean {
  if (Array.isArray(node)) return node.every((one) => onlyPrints(one, own));
  if (!isObject(node)) return true;
  const printed = printedPath(node);
  if (printed) {
    const path = (printed.parts as string[]).join('.');
    return !mayDiffer(printed, own) || (printed.data !== true && (path === '' || own.paths.has(path)));
  }
  if (node.type === 'PathExpression') return !mayDiffer(node, own);
  // A literal in the place of a path (`{{#"user"}}`) is looked up as one.
  if (isObject(node.path) && node.path.type !== 'PathExpression') return false;
  return Object.values(node).every((one) => onlyPrints(one, own));
}

const valueAt = (values: object, keys: readonly string[]) =>
  keys.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), values);

/** From a rendering with marks. */
function fillerOf(marked: string): (own: object) => string {
  const [first = '', ...rest] = marked.split(MARK);
  const pieces = rest.flatMap((path, at) =>
    at % 3 === 1 ? [{ isQuoted: rest[at - 1] === 'quoted', keys: path.split('.'), after: rest[at + 1] ?? '' }] : [],
  );
  return (own) =>
    pieces.reduce((filled, { isQuoted, keys, after }) => {
      const value = valueAt(own, keys);
      return filled + (isQuoted ? quote(value) : String(value)) + after;
    }, first);
}

type Fill = (own: object) => string;

/** Undefined when each user needs a rendering of the own. @throws what `render` throws for this user */
function prepare(tree: unknown, render: Render, own: object, shared: object): Fill | undefined {
  const real = render({ ...shared, ...own });
  const leaves = leavesOf(own);
  const known = { heads: new Set(Object.keys(own)), paths: new Set(leaves.map(([path]) => path)) };
  if (!leaves.every(([, value]) => typeof value === 'string' || typeof value === 'number')) return undefined;
  if (!onlyPrints(tree, known)) return undefined;
  const fill = fillerOf(render({ ...shared, ...markedOf(own) }));
  return fill(own) === real ? fill : undefined;
}

/**
 * Renders values of one's own and, where they are given, `shared` ones: the same object for many renderings, and no name
 * of it among one's own. All renderings with it have the same names.
 */
export function renderMany(parse: () => unknown, render: Render): (own: object, shared?: object) => string {
  let last: { shared: object; fill: Fill | undefined } | undefined;
  return (own, shared) => {
    if (!shared) return render(own);
    if (last?.shared !== shared) last = { shared, fill: prepare(parse(), render, own, shared) };
    return last.fill ? last.fill(own) : render({ ...shared, ...own });
  };
}
