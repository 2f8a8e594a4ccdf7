/** JSON objects of which some values are the launcher's to fill in. Pure. */
import type { Composition, Part, ValueName } from '../sys/launcher/ops.js';

/** Words that are known, and with `given` the words of the command of this run after them, one at least. */
interface Words {
  given: boolean;
  most?: number;
}

export type JsonTemplate =
  | string
  | number
  | boolean
  | { value: ValueName }
  /** The text of the value is a number. */
  | { number: ValueName }
  | { text: readonly Part[] }
  | ({ list: readonly string[] } & Words)
  | ({ words: readonly string[] } & Words)
  /** An object whose keys are anybody's choice: no key of these shapes. */
  | { members: Members }
  | { [key: string]: JsonTemplate };

/** The inside of a JSON string. */
const escaped = (text: string) => JSON.stringify(text).slice(1, -1);

const textParts = (parts: readonly Part[]): Part[] =>
  parts.map((part) => (typeof part === 'string' ? escaped(part) : part));

function listParts({ list, given }: { list: readonly string[] } & Words): Part[] {
  const known = list.map((word) => JSON.stringify(word)).join(',');
  if (!given) return [`[${known}]`];
  return [`[${known}${known === '' ? '' : ','}`, { list: 'json' }, ']'];
}

function wordParts({ words, given, most }: { words: readonly string[] } & Words): Part[] {
  const known = escaped(words.join(' ').slice(0, most));
  if (!given) return [`"${known}"`];
  return [`"${known}${known === '' ? '' : ' '}`, { list: 'words', ...(most === undefined ? {} : { most }) }, '"'];
}

function isShape<K extends string>(template: object, key: K): template is { [P in K]: never } {
  return key in template;
}

function parts(template: JsonTemplate): Part[] {
  if (typeof template !== 'object') return [JSON.stringify(template)];
  if (isShape(template, 'given')) {
    return isShape(template, 'list') ? listParts(template as never) : wordParts(template as never);
  }
  if (isShape(template, 'value')) return ['"', template as { value: ValueName }, '"'];
  if (isShape(template, 'number')) return [{ value: (template as { number: ValueName }).number }];
  if (isShape(template, 'text')) return ['"', ...textParts((template as { text: readonly Part[] }).text), '"'];
  if (isShape(template, 'members')) return memberParts((template as { members: Members }).members);
  return memberParts(Object.entries(template as { [key: string]: JsonTemplate }));
}

type Members = readonly (readonly [name: string, value: JsonTemplate])[];

function memberParts(members: Members): Part[] {
  return [
    '{',
    ...members.flatMap(([key, value], index) => [`${index === 0 ? '' : ','}${JSON.stringify(key)}:`, ...parts(value)]),
    '}',
  ];
}

function join(list: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of list) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return joined;
}

/** One line of JSON. */
export const jsonComposition = (template: JsonTemplate): Composition => ({ parts: join(parts(template)) });

/** A text in which only values that need no escape stand. */
export const textComposition = (list: readonly Part[]): Composition => ({ parts: join(list) });
